import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { authoriseSome, checkCount, checkPartition, readable } from './access.ts'
import type { KafkaDeps } from './deps.ts'
import { charged, type From, type Message, readFrom } from './read.ts'
import type { TopicRow } from './store.ts'

/** What there is from offsets on; from the oldest that is still there, where that is later. */
export async function fetchMessages(
  deps: KafkaDeps,
  ctx: Context,
  { offsets, timeoutMs }: { readonly offsets: readonly From[]; readonly timeoutMs: number },
): Promise<readonly Message[]> {
  authoriseSome(ctx, 'topics:read')
  checkCount(offsets.length, deps.limits.maxPlaces, 'topicPartitionOffsets')
  const topics = await readable(
    deps,
    ctx,
    offsets.map(({ topic }, i) => ({ topic, pointer: `/${i}/topic` })),
  )
  for (const [i, { topic, partition, offset }] of offsets.entries()) {
    checkPartition(topics.get(topic) as TopicRow, partition, `/${i}/partition`)
    if (offset < 0) {
      throw new Failure('request.invalid', 'An offset is 0 or more.', {
        errors: [{ pointer: `/${i}/offset`, reason: 'must be 0 or more' }],
      })
    }
  }
  return charged(deps, ctx, () => readFrom(deps, ctx, offsets, timeoutMs))
}
