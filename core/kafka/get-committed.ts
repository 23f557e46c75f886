import type { Context } from '../context.ts'
import { authoriseSome, checkCount, checkPartition, readable } from './access.ts'
import type { KafkaDeps } from './deps.ts'
import { checkGroup, logGroup, logTopic } from './names.ts'
import type { From } from './read.ts'
import type { TopicRow } from './store.ts'

/** What a group has committed in partitions; -1 where it is nothing. */
export async function getCommitted(
  deps: KafkaDeps,
  ctx: Context,
  { group, partitions }: { readonly group: string; readonly partitions: readonly Omit<From, 'offset'>[] },
): Promise<readonly From[]> {
  authoriseSome(ctx, 'topics:read')
  checkGroup(group)
  const topics = await checked(deps, ctx, partitions)
  const { workspace } = ctx.actor
  const commits = await Promise.all(
    [...topics.keys()].map(async (topic) => {
      const found = await deps.log.committed(logGroup(workspace, group), logTopic(workspace, topic))
      return [topic, new Map(found.map(({ partition, offset }) => [partition, offset]))] as const
    }),
  )
  const byTopic = new Map(commits)
  return partitions.map(({ topic, partition }) => ({
    topic,
    partition,
    offset: byTopic.get(topic)?.get(partition) ?? -1,
  }))
}

/** The topics of partitions that are there. */
export async function checked(
  deps: KafkaDeps,
  ctx: Context,
  partitions: readonly Omit<From, 'offset'>[],
): Promise<ReadonlyMap<string, TopicRow>> {
  authoriseSome(ctx, 'topics:read')
  checkCount(partitions.length, deps.limits.maxPlaces, 'partitions')
  const topics = await readable(
    deps,
    ctx,
    partitions.map(({ topic }, i) => ({ topic, pointer: `/${i}/topic` })),
  )
  for (const [i, { topic, partition }] of partitions.entries()) {
    checkPartition(topics.get(topic) as TopicRow, partition, `/${i}/partition`)
  }
  return topics
}
