import { type Admin, createAPI, offsetCommitV4, Writer } from '@platformatic/kafka'
import type { Commit } from '../log.ts'
import { brokerOf, isUnknownTopic, partitionsOf, patiently, says } from './client.ts'

/** A group of Kafka's own kind, as `kafka-consumer-groups` shows it, that nobody joins: what it commits is all there is to it. */
const noGeneration = -1
const noMember = ''
/** Ten years. Without it brokers forget what a group without members committed a week ago (`offsets.retention.minutes`). */
const keptMs = 10n * 365n * 86_400_000n
const groupKey = 0

/*
 * OffsetCommit Request (Version: 4) => group_id generation_id member_id retention_time_ms [topics]
 *   group_id => STRING · generation_id => INT32 · member_id => STRING · retention_time_ms => INT64
 *   topics => name [partitions]
 *     name => STRING
 *     partitions => partition_index committed_offset committed_metadata
 *       partition_index => INT32 · committed_offset => INT64 · committed_metadata => NULLABLE_STRING
 * https://kafka.apache.org/protocol#The_Messages_OffsetCommit · the last version but one that says how long to keep it
 */
const offsetCommit = createAPI<[string, readonly NamedCommits[]], offsetCommitV4.OffsetCommitResponse>(
  8,
  4,
  (group: string, topics: readonly NamedCommits[]) =>
    Writer.create()
      .appendString(group, false)
      .appendInt32(noGeneration)
      .appendString(noMember, false)
      .appendInt64(keptMs)
      .appendArray(
        [...topics],
        (writer, { name, commits }) => {
          writer.appendString(name, false).appendArray(
            [...commits],
            (each, { partition, offset, metadata }) => {
              each.appendInt32(partition).appendInt64(BigInt(offset)).appendString(metadata, false)
            },
            false,
            false,
          )
        },
        false,
        false,
      ),
  offsetCommitV4.parseResponse,
  false,
  false,
)

interface NamedCommits {
  readonly name: string
  readonly commits: readonly Commit[]
}

/** Commits for a group in one request, which its coordinator writes as one. What is for a deleted topic is left out. */
export async function commitOffsets(admin: Admin, group: string, topics: readonly NamedCommits[]): Promise<void> {
  try {
    await patiently(admin, async () => {
      const [coordinator] = await admin.findCoordinator({ keyType: groupKey, keys: [group] })
      await offsetCommit.async(await brokerOf(admin, coordinator?.nodeId ?? -1), group, topics)
    })
  } catch (error) {
    if (!isUnknownTopic(error)) throw error
  }
}

/** What a group has committed for a topic, whose name in Kafka is `name`. */
export async function committedOffsets(admin: Admin, group: string, topic: string, name: string): Promise<Commit[]> {
  const count = await partitionsOf(admin, name)
  if (count === undefined) return []
  const partitionIndexes = Array.from({ length: count }, (_, partition) => partition)
  const groups = await patiently(admin, () =>
    admin.listConsumerGroupOffsets({ groups: [{ groupId: group, topics: [{ name, partitionIndexes }] }] }),
  )
  const partitions = groups.flatMap(({ topics }) => topics.flatMap((found) => found.partitions))
  return partitions
    .filter(({ committedOffset }) => committedOffset >= 0n)
    .map(({ partitionIndex, committedOffset, metadata }) => ({
      topic,
      partition: partitionIndex,
      offset: Number(committedOffset),
      metadata: metadata ?? '',
    }))
    .toSorted((a, b) => a.partition - b.partition)
}

/** With all that it committed. */
export async function deleteKafkaGroup(admin: Admin, group: string): Promise<void> {
  await patiently(admin, () => admin.deleteGroups({ groups: [group] })).catch((error: unknown) => {
    if (!says(error, 'GROUP_ID_NOT_FOUND')) throw error
  })
}
