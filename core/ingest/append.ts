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

/** Makes good rows durable, and then bad ones. Answers the stream's last offset in each partition. */
export async function appendBatch(
  { log, streams }: Deps,
  stream: Stream,
  plan: Pick<Plan, 'good' | 'bad'>,
  idempotencyKey: string,
): Promise<{ readonly partition: number; readonly offset: number }[]> {
  const timestamp = Date.now()
  const { topic, partitions, name, workspace } = stream
  const byKey = idempotencyKey === '' ? undefined : batchDigests(topic, idempotencyKey)
  const hasId = stream.definition.id !== ''
  const anywhere = anyPartition(partitions)
  const gathered = gatherAppends()
  for (const { row, text, id } of plan.good) {
    const key = hasId ? idDigest(topic, id) : byKey?.(row)
    gathered.add(topic, key === undefined ? anywhere : partitionOf(key, partitions), { key, value: text, timestamp })
  }
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
  if (appends.length === 0) return []
  const positions = await log.append(appends)
  return positions
    .filter((position) => position.topic === topic)
    .map(({ partition, offset }) => ({ partition, offset }))
}
