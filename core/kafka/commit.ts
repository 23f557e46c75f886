import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { authoriseSome, checkCount, checkPartition, readable } from './access.ts'
import { changeGroup, commitHeld } from './change-group.ts'
import type { KafkaDeps } from './deps.ts'
import { type Member, type Members, placeOf } from './group.ts'
import { checkGroup, logGroup, logTopic } from './names.ts'
import type { From } from './read.ts'
import type { TopicRow } from './store.ts'

/**
 * Remembers for a group from where on it is to read: offsets as they are given, or of all that the instance was given.
 * Partitions that another instance reads are that one's to commit.
 */
export async function commit(
  deps: KafkaDeps,
  ctx: Context,
  {
    group,
    instance,
    offsets,
  }: { readonly group: string; readonly instance: string; readonly offsets: readonly From[] },
): Promise<void> {
  authoriseSome(ctx, 'topics:read')
  checkGroup(group, instance)
  if (offsets.length === 0) return commitAll(deps, ctx, group, instance)
  checkCount(offsets.length, deps.limits.maxPlaces, 'offsets')
  const topics = await readable(
    deps,
    ctx,
    offsets.map(({ topic }, i) => ({ topic, pointer: `/${i}/topic` })),
  )
  await checkOffsets(deps, ctx, topics, offsets)
  const { workspace } = ctx.actor
  await changeGroup(deps, workspace, group, async (members) => {
    checkHolders(members, instance, offsets)
    const commits = offsets.map(({ topic, partition, offset }) => ({
      topic: logTopic(workspace, topic),
      partition,
      offset,
      metadata: '',
    }))
    await deps.log.commit(logGroup(workspace, group), commits)
    const member = members.get(instance)
    return {
      result: undefined,
      members: member === undefined ? members : new Map(members).set(instance, told(deps, member, offsets)),
    }
  })
}

async function commitAll(deps: KafkaDeps, ctx: Context, group: string, instance: string): Promise<void> {
  const { workspace } = ctx.actor
  await changeGroup(deps, workspace, group, async (members) => {
    const member = members.get(instance)
    if (member === undefined) throw noInstance(group, instance)
    await readable(
      deps,
      ctx,
      member.topics.map((topic) => ({ topic, pointer: 'topic' })),
    )
    const committed = { ...(await commitHeld(deps, workspace, group, member)), seenAt: deps.now() }
    return { result: undefined, members: new Map(members).set(instance, committed) }
  })
}

function told({ now }: KafkaDeps, member: Member, offsets: readonly From[]): Member {
  const held = { ...member.held }
  for (const { topic, partition, offset } of offsets) {
    const place = placeOf(topic, partition)
    const known = held[place]
    if (known !== undefined) held[place] = { ...known, committed: offset }
  }
  return { ...member, held, seenAt: now() }
}

async function checkOffsets(
  { log }: KafkaDeps,
  ctx: Context,
  topics: ReadonlyMap<string, TopicRow>,
  offsets: readonly From[],
): Promise<void> {
  const names = [...topics.keys()]
  const ranges = new Map(
    await Promise.all(
      names.map(async (name) => [name, await log.ranges(logTopic(ctx.actor.workspace, name))] as const),
    ),
  )
  for (const [i, { topic, partition, offset }] of offsets.entries()) {
    checkPartition(topics.get(topic) as TopicRow, partition, `/${i}/partition`)
    const { end = 0 } = ranges.get(topic)?.[partition] ?? {}
    if (offset >= 0 && offset <= end) continue
    throw new Failure('request.invalid', `${topic}/${partition} does not reach to ${offset}.`, {
      hint: 'Commit the offset of the next message to read: at most one past the newest.',
      errors: [{ pointer: `/${i}/offset`, reason: `must be 0 to ${end}` }],
    })
  }
}

function checkHolders(members: Members, instance: string, offsets: readonly From[]): void {
  for (const { topic, partition } of offsets) {
    const place = placeOf(topic, partition)
    const other = [...members].find(([name, { held }]) => name !== instance && held[place] !== undefined)
    if (other === undefined) continue
    throw new Failure('request.precondition', `${place} is read by \`${other[0]}\` by now.`, {
      hint: 'Consume on: what was not committed was given to that instance too.',
    })
  }
}

export function noInstance(group: string, instance: string): Failure {
  return new Failure('resource.not_found', `\`${group}\` has no instance \`${instance}\`.`, {
    hint: 'It is one from when it consumes until it is removed or its session has ended.',
  })
}
