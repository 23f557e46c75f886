import type { Context } from '../context.ts'
import type { KafkaDeps } from './deps.ts'
import { checked } from './get-committed.ts'
import { logTopic } from './names.ts'
import type { From } from './read.ts'

/** Where partitions begin, end, or have their first message that is not before a time: their end, where there is none. */
export async function listOffsets(
  deps: KafkaDeps,
  ctx: Context,
  {
    partitions,
    at,
  }: { readonly partitions: readonly Omit<From, 'offset'>[]; readonly at: 'earliest' | 'latest' | number },
): Promise<readonly From[]> {
  const topics = await checked(deps, ctx, partitions)
  const { log } = deps
  const nameOf = (topic: string) => logTopic(ctx.actor.workspace, topic)
  if (typeof at === 'number') {
    return Promise.all(
      partitions.map(async (one) => ({ ...one, offset: await log.offsetAt(nameOf(one.topic), one.partition, at) })),
    )
  }
  const ranges = new Map(
    await Promise.all([...topics.keys()].map(async (topic) => [topic, await log.ranges(nameOf(topic))] as const)),
  )
  return partitions.map(({ topic, partition }) => {
    const { start = 0, end = 0 } = ranges.get(topic)?.[partition] ?? {}
    return { topic, partition, offset: at === 'earliest' ? start : end }
  })
}
