import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '#mesh/errors.ts'
import type { KafkaDeps } from './deps.ts'
import { heldBy, living, type Member, type Members, parsePlace, type Place } from './group.ts'
import { logGroup, logTopic } from './names.ts'
import { countGroups, groupByName, insertGroup, updateGroup } from './store.ts'

const maxAttempts = 30
const longestPauseMs = 20

/** What becomes of a group; without `members` it stays as it is. */
interface Changed<T> {
  readonly members?: Members
  readonly result: T
}

/**
 * Changes who is in a group, beside others that do so at once, in other processes too: `change` is given it as it is, and
 * again where another was faster. What it commits on the way may so be committed twice, which is no harm. Those whose
 * session has ended are out before, with what was committed for them.
 */
export async function changeGroup<T>(
  deps: KafkaDeps,
  workspace: string,
  name: string,
  change: (members: Members) => Promise<Changed<T>>,
): Promise<T> {
  return deps.turns(`${workspace}/${name}`, () => changeInTurn(deps, workspace, name, change))
}

async function changeInTurn<T>(
  deps: KafkaDeps,
  workspace: string,
  name: string,
  change: (members: Members) => Promise<Changed<T>>,
): Promise<T> {
  const { db, limits, now } = deps
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    if (attempt > 0) await sleep(Math.random() * longestPauseMs)
    const row = await groupByName(db, workspace, name)
    const { live, gone } = living(new Map(row?.members), now())
    for (const member of gone.values()) if (member.autoCommit) await commitHeld(deps, workspace, name, member)
    const { members = gone.size > 0 ? live : undefined, result } = await change(live)
    if (members === undefined) return result
    const usedAt = new Date(now())
    if (row === undefined) {
      if ((await countGroups(db, workspace)) >= limits.maxGroups) throw tooManyGroups(limits.maxGroups)
      if (await insertGroup(db, { workspace, name, members: [...members], usedAt })) return result
    } else if (await updateGroup(db, row, [...members], usedAt)) return result
  }
  throw new Failure('limit.concurrency', `The group \`${name}\` changes too often.`, { retryAfterMs: 1_000 })
}

/** Commits how far an instance has come, where that is further than is committed; answers it as it is then. */
export async function commitHeld(
  { log, now }: KafkaDeps,
  workspace: string,
  group: string,
  member: Member,
  only: (place: Place) => boolean = () => true,
): Promise<Member> {
  const ahead = heldBy(member).filter(([place, { next, committed }]) => next > committed && only(place))
  if (ahead.length > 0) {
    const commits = ahead.map(([place, { next }]) => {
      const { topic, partition } = parsePlace(place)
      return { topic: logTopic(workspace, topic), partition, offset: next, metadata: '' }
    })
    await log.commit(logGroup(workspace, group), commits)
  }
  const committed = Object.fromEntries(ahead.map(([place, { next }]) => [place, { next, committed: next }]))
  return { ...member, committedAt: now(), held: { ...member.held, ...committed } }
}

function tooManyGroups(most: number): Failure {
  return new Failure('request.invalid', `A workspace has at most ${most} groups.`, {
    hint: 'Use the name of one that there is: one that nobody uses is forgotten after as long as messages are kept.',
    errors: [{ pointer: 'group', reason: 'is one too many' }],
  })
}
