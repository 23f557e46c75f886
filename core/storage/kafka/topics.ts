import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from '@platformatic/kafka'
import type { PartitionRange } from '../log.ts'
import { maxRecordBytes } from './append.ts'
import { isUnknownTopic, partitionsOf, patiently, says } from './client.ts'
import { topicOfKafka } from './names.ts'

/** Times that stand for an end of a partition. https://kafka.apache.org/protocol#The_Messages_ListOffsets */
const latest = -1n
const earliest = -2n

/** What a topic is made with. Kafka may not drop by age or size: it does not know who has still to read. */
const configs = Object.entries({
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
  'max.message.bytes': String(maxRecordBytes),
  // Room is given back by the segment.
  'segment.bytes': String(128 * 1024 * 1024),
}).map(([name, value]) => ({ name, value }))

/** With as many replicas as the brokers give by default. */
export async function createKafkaTopic(admin: Admin, name: string, partitions: number): Promise<void> {
  await patiently(admin, () => admin.createTopics({ topics: [name], partitions, configs })).catch((error: unknown) => {
    if (!says(error, 'TOPIC_ALREADY_EXISTS')) throw error
  })
  await until(async () => (await partitionsOf(admin, name)) !== undefined)
}

/** With what the groups of this prefix have committed for it: another topic of its name begins anew. */
export async function deleteKafkaTopic(admin: Admin, name: string, groupPrefix: string): Promise<void> {
  const count = await partitionsOf(admin, name)
  if (count === undefined) return
  const partitionIndexes = Array.from({ length: count }, (_, partition) => partition)
  const groups = await patiently(admin, () => admin.listGroups())
  for (const groupId of [...groups.keys()].filter((group) => group.startsWith(groupPrefix))) {
    await patiently(admin, () => admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name, partitionIndexes }] }))
  }
  await patiently(admin, () => admin.deleteTopics({ topics: [name] })).catch((error: unknown) => {
    if (!isUnknownTopic(error)) throw error
  })
  await until(async () => {
    admin.clearMetadata()
    return (await partitionsOf(admin, name)) === undefined
  })
}

/** A topic of this installation. */
export interface KafkaTopic {
  readonly name: string
  readonly topic: string
  readonly partitions: number
}

export async function listKafkaTopics(admin: Admin, prefix: string): Promise<readonly KafkaTopic[]> {
  for (let attempts = 5; ; attempts--) {
    const all = await patiently(admin, () => admin.listTopics())
    const mine = new Map(all.map((name) => [name, topicOfKafka(prefix, name)]))
    try {
      const names = all.filter((name) => mine.get(name) !== undefined)
      const { topics } = await patiently(admin, () => admin.metadata({ topics: names }))
      return names.map((name) => {
        return { name, topic: mine.get(name) ?? '', partitions: topics.get(name)?.partitionsCount ?? 0 }
      })
    } catch (error) {
      // One of them was deleted in the meantime.
      if (!isUnknownTopic(error) || attempts === 0) throw error
    }
  }
}

/** Where each partition begins and ends; none where the topic is not there. */
export async function rangesOf(admin: Admin, name: string): Promise<readonly PartitionRange[]> {
  const count = await partitionsOf(admin, name)
  if (count === undefined) return []
  const [starts, ends] = await Promise.all([
    offsetsAt(admin, [{ name, partitions: count }], earliest),
    offsetsAt(admin, [{ name, partitions: count }], latest),
  ])
  return Array.from({ length: count }, (_, partition) => {
    const place = `${name}/${partition}`
    return { partition, start: starts.get(place) ?? 0, end: ends.get(place) ?? 0 }
  })
}

/** Where each partition's first record is that is not from before a time; its end where all are older. */
export async function offsetsFrom(admin: Admin, name: string, timestamp: number) {
  const ranges = await rangesOf(admin, name)
  const found = await offsetsAt(admin, [{ name, partitions: ranges.length }], BigInt(timestamp))
  return ranges.map(({ partition, end }) => {
    const offset = found.get(`${name}/${partition}`) ?? -1
    // -1 says that nothing is as young as that.
    return { partition, offset: offset < 0 ? end : offset }
  })
}

/** Where the partitions of topics end, by `name/partition`. */
export async function endsOf(admin: Admin, topics: readonly KafkaTopic[]): Promise<ReadonlyMap<string, number>> {
  return topics.length === 0 ? new Map() : offsetsAt(admin, topics, latest)
}

/** Drops the records before a time that have been passed, as far as `passed` says for each partition. */
export async function expireTopic(
  admin: Admin,
  name: string,
  before: number,
  passed: (partition: number) => number,
): Promise<void> {
  const ranges = await rangesOf(admin, name)
  const young = await offsetsAt(admin, [{ name, partitions: ranges.length }], BigInt(before))
  const partitions = ranges.flatMap(({ partition, start, end }) => {
    // -1 says that nothing is as young as that.
    const first = young.get(`${name}/${partition}`) ?? -1
    const to = Math.min(first < 0 ? end : first, passed(partition), end)
    return to > start ? [{ partition, offset: BigInt(to) }] : []
  })
  if (partitions.length > 0) await patiently(admin, () => admin.deleteRecords({ topics: [{ name, partitions }] }))
}

/** The offset of the first record that is not before a time, in each partition; -1 where there is none. */
async function offsetsAt(
  admin: Admin,
  topics: readonly Pick<KafkaTopic, 'name' | 'partitions'>[],
  timestamp: bigint,
): Promise<ReadonlyMap<string, number>> {
  const asked = topics.map(({ name, partitions }) => ({
    name,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
  }))
  const found = await patiently(admin, () => admin.listOffsets({ topics: asked }))
  return new Map(
    found.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, offset }) => [`${name}/${partitionIndex}`, Number(offset)] as const),
    ),
  )
}

/** Brokers learn of topics a moment after the controller has answered. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let left = 200; !(await isSo()); left--) {
    if (left === 0) throw new Error('the brokers do not agree about a topic')
    await sleep(50)
  }
}
