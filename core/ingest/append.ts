import type { Append, LogRecord } from '../storage/log.ts'
import type { Deps } from './deps.ts'
import { anyPartition, batchDigests, idDigest, partitionOf } from './identity.ts'
import type { Plan } from './plan.ts'
import { quarantined, quarantinePartition, quarantineRecord } from './quarantine.ts'
import type { Stream } from './streams.ts'

/** Records for partitions, gathered until they are appended together. */
export function gatherAppends(): {
  add(topic: string, partition: number, record: LogRecord): void
  appends(): Append[]
} {
  const gathered = new Map<string, { topic: string; partition: number; records: LogRecord[] }>()
  return {
    add(topic, partition, record) {
      const place = `${topic}/${partition}`
      const append = gathered.get(place) ?? { topic, partition, records: [] }
      if (append.records.length === 0) gathered.set(place, append)
      append.records.push(record)
    },
    appends: () => [...gathered.values()],
  }
}

/** Where in a stream something is. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

/** Where a batch is now. */
export interface Appended {
  /** The stream's last offset in each partition. */
  readonly offsets: readonly Place[]
  /** Of each good row, in their order. */
  places(): Place[]
}

/** Makes good rows durable, and then bad ones. */
export async function appendBatch(
  { log, streams }: Deps,
  stream: Stream,
  plan: Pick<Plan, 'good' | 'bad'>,
  idempotencyKey: string,
): Promise<Appended> {
  const timestamp = Date.now()
  const { topic, partitions, name, workspace } = stream
  const byKey = idempotencyKey === '' ? undefined : batchDigests(topic, idempotencyKey)
  const hasId = stream.definition.id !== ''
  const anywhere = anyPartition(partitions)
  const gathered = gatherAppends()
  const chosen = plan.good.map(({ row, text, id }) => {
    const key = hasId ? idDigest(topic, id) : byKey?.(row)
    const partition = key === undefined ? anywhere : partitionOf(key, partitions)
    gathered.add(topic, partition, { key, value: text, timestamp })
    return partition
  })
  if (plan.bad.length > 0) {
    const refused = await streams.system(workspace, '_quarantine')
    const time = new Date(timestamp).toISOString()
    for (const bad of plan.bad) {
      const row = quarantined(name, bad, time, byKey?.(bad.row))
      const partition = quarantinePartition(row.id, refused.partitions)
      gathered.add(refused.topic, partition, quarantineRecord(row, 'waiting', timestamp))
    }
  }
  const appends = gathered.appends()
  const positions = appends.length === 0 ? [] : await log.append(appends)
  const offsets = positions
    .filter((position) => position.topic === topic)
    .map(({ partition, offset }) => ({ partition, offset }))
  return { offsets, places: () => placesOf(offsets, chosen) }
}

/** Records of a partition are together, in their order: from its last one back. */
function placesOf(offsets: readonly Place[], chosen: readonly number[]): Place[] {
  const next = new Map(offsets.map(({ partition, offset }) => [partition, offset]))
  return chosen
    .toReversed()
    .map((partition) => {
      const offset = next.get(partition) ?? -1
      next.set(partition, offset - 1)
      return { partition, offset }
    })
    .toReversed()
}
