import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { authoriseSome, checkCount, readable } from './access.ts'
import { changeGroup, commitHeld } from './change-group.ts'
import type { KafkaDeps } from './deps.ts'
import {
  type Held,
  heldBy,
  type Member,
  type Members,
  parsePlace,
  type Place,
  placeOf,
  reshared,
  share,
} from './group.ts'
import { checkGroup, logGroup, logTopic } from './names.ts'
import { charged, type From, type Message, readFrom } from './read.ts'
import { topicsByName } from './store.ts'

export interface Consume {
  readonly group: string
  readonly instance: string
  readonly topics: readonly string[]
  readonly timeoutMs: number
  readonly autoCommit: boolean
  readonly intervalMs: number
  readonly sessionMs: number
  /** Where a group begins that has committed nothing. */
  readonly reset: 'earliest' | 'latest' | 'none'
}

/** How much of a session may pass before it is written down that it goes on. */
const freshShare = 0.1

/**
 * Reads on for an instance of a group, in the partitions that it has of its topics. What it is given it is not given again
 * while its session lasts; whoever has its partitions after it goes on from what was committed.
 */
export async function consume(deps: KafkaDeps, ctx: Context, input: Consume): Promise<readonly Message[]> {
  const { group, instance, topics, timeoutMs } = input
  const { workspace } = ctx.actor
  authoriseSome(ctx, 'topics:read')
  checkCount(topics.length, deps.limits.maxConsumed, 'topics')
  await readable(
    deps,
    ctx,
    topics.map((topic) => ({ topic, pointer: 'topics' })),
  )
  checkGroup(group, instance)
  checkSession(deps, input)
  return charged(deps, ctx, async () => {
    const from = await changeGroup(deps, workspace, group, (members) => join(deps, workspace, input, members))
    // One that has no partition waits as others do, and has perhaps one when it asks again.
    const messages = await readFrom(deps, ctx, from, timeoutMs)
    if (messages.length === 0) return []
    // Of partitions that are another's by now nothing was read; and of two calls at once only one.
    const mine = await changeGroup(deps, workspace, group, async (members) =>
      advance(members, instance, from, messages, deps.now()),
    )
    return messages.filter(({ topic, partition }) => mine.has(placeOf(topic, partition)))
  })
}

/** The instance is one of the group from now on, and has its share of the partitions: answers where it reads on. */
async function join(
  deps: KafkaDeps,
  workspace: string,
  input: Consume,
  before: Members,
): Promise<{ readonly members?: Members; readonly result: readonly From[] }> {
  const { group, instance, autoCommit, intervalMs } = input
  const { db, limits, now } = deps
  const at = now()
  const known = before.get(instance)
  if (known === undefined && before.size >= limits.maxInstances) throw tooMany(limits.maxInstances)
  const asked: Member = {
    topics: [...new Set(input.topics)].sort(),
    // It is not silent while it is kept waiting.
    sessionMs: input.sessionMs + Math.min(input.timeoutMs, limits.maxWaitMs),
    autoCommit,
    intervalMs,
    seenAt: at,
    committedAt: known?.committedAt ?? at,
    held: known?.held ?? {},
  }
  const isDue = autoCommit && at - asked.committedAt >= intervalMs
  const own = isDue ? await commitHeld(deps, workspace, group, asked) : asked
  const all = new Map(before).set(instance, own)
  const wanted = new Set([...all.values()].flatMap(({ topics }) => topics))
  const rows = await topicsByName(db, workspace, [...wanted])
  const owners = share(all, new Map(rows.map(({ name, partitions }) => [name, partitions])))
  const { members, lost } = reshared(all, owners)
  for (const { member, place } of lost) {
    if (member.autoCommit) await commitHeld(deps, workspace, group, member, (one) => one === place)
  }
  const kept = members.get(instance) ?? own
  const gained = [...owners].flatMap(([place, name]) => (name === instance && !(place in kept.held) ? [place] : []))
  const joined: Member = { ...kept, held: { ...kept.held, ...(await begin(deps, workspace, input, gained)) } }
  const isFresh = known !== undefined && Math.abs(at - known.seenAt) < known.sessionMs * freshShare
  const isSame = isFresh && lost.length === 0 && JSON.stringify({ ...known, seenAt: at }) === JSON.stringify(joined)
  return {
    result: heldBy(joined).map(([place, { next }]) => ({ ...parsePlace(place), offset: next })),
    ...(!isSame && { members: new Map(members).set(instance, joined) }),
  }
}

/** Where it begins in partitions that it did not have: at what is committed, or where it says. */
async function begin(
  { log }: KafkaDeps,
  workspace: string,
  { group, reset }: Consume,
  places: readonly Place[],
): Promise<Readonly<Record<Place, Held>>> {
  const begun: Record<Place, Held> = {}
  const byTopic = Map.groupBy(places.map(parsePlace), ({ topic }) => topic)
  for (const [topic, mine] of byTopic) {
    const name = logTopic(workspace, topic)
    const [commits, ranges] = await Promise.all([log.committed(logGroup(workspace, group), name), log.ranges(name)])
    for (const { partition } of mine) {
      const committed = commits.find((commit) => commit.partition === partition)?.offset ?? -1
      if (committed < 0 && reset === 'none') throw nothingCommitted(group, topic, partition)
      const { start = 0, end = 0 } = ranges[partition] ?? {}
      const first = reset === 'earliest' ? start : end
      begun[placeOf(topic, partition)] = { next: committed < 0 ? first : committed, committed }
    }
  }
  return begun
}

/** What was read is the instance's, where it is still what it was to read. */
function advance(members: Members, instance: string, from: readonly From[], messages: readonly Message[], at: number) {
  const member = members.get(instance)
  const read = new Map(messages.map(({ topic, partition, offset }) => [placeOf(topic, partition), offset + 1]))
  const mine = new Set<Place>()
  const held = { ...member?.held }
  for (const { topic, partition, offset } of from) {
    const place = placeOf(topic, partition)
    const next = read.get(place)
    if (next === undefined || held[place]?.next !== offset) continue
    held[place] = { ...held[place], next }
    mine.add(place)
  }
  if (member === undefined || mine.size === 0) return { result: mine }
  return { members: new Map(members).set(instance, { ...member, held, seenAt: at }), result: mine }
}

function checkSession({ limits }: KafkaDeps, { sessionMs, intervalMs }: Consume): void {
  const { minSessionMs, maxSessionMs } = limits
  for (const [name, ms, least] of [
    ['Kafka-Session-Timeout-Ms', sessionMs, minSessionMs],
    ['Kafka-Auto-Commit-Interval', intervalMs, 0],
  ] as const) {
    if (ms >= least && ms <= maxSessionMs) continue
    throw new Failure('request.invalid', `${name} does not hold.`, {
      errors: [{ pointer: name, reason: `must be ${least} to ${maxSessionMs} milliseconds` }],
    })
  }
}

function tooMany(most: number): Failure {
  return new Failure('request.invalid', `A group has at most ${most} instances.`, {
    hint: 'Remove one that is no longer used, or wait until its session has ended.',
    errors: [{ pointer: 'instance', reason: 'is one too many' }],
  })
}

function nothingCommitted(group: string, topic: string, partition: number): Failure {
  return new Failure('request.invalid', `\`${group}\` has committed nothing for ${topic}/${partition}.`, {
    hint: 'Commit an offset first, or let Kafka-Auto-Offset-Reset be earliest or latest.',
    errors: [{ pointer: 'Kafka-Auto-Offset-Reset', reason: 'is none' }],
  })
}
