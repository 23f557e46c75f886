import { type Admin, createAPI, offsetCommitV4, Writer } from '@platformatic/kafka'
import type { Commit } from '../log.ts'
import { coordinatorOf, isUnknownTopic, partitionsOf, patiently, says } from './client.ts'

/** Who commits: a member, in one generation of its group. */
export interface As {
  readonly memberId: string
  readonly generation: number
}

/** … or somebody, for a group that nobody joins. */
const nobody: As = { memberId: '', generation: -1 }
/** Ten years. Without it brokers forget what a group without members committed a week ago (`offsets.retention.minutes`). */
const keptMs = 10n * 365n * 86_400_000n
/*
 * OffsetCommit Request (Version: 4) => group_id generation_id member_id retention_time_ms [topics]
 *   group_id => STRING · generation_id => INT32 · member_id => STRING · retention_time_ms => INT64
 *   topics => name [partitions]
 *     name => STRING
 *     partitions => partition_index committed_offset committed_metadata
 *       partition_index => INT32 · committed_offset => INT64 · committed_metadata => NULLABLE_STRING
 * https://kafka.apache.org/protocol#The_Messages_OffsetCommit · the last version but one that says how long to keep it
 */
const offsetCommit = createAPI<[string, As, readonly NamedCommits[]], offsetCommitV4.OffsetCommitResponse>(
  8,
  4,
  (group: string, { generation, memberId }: As, topics: readonly NamedCommits[]) =>
    Writer.create()
      .appendString(group, false)
      .appendInt32(generation)
      .appendString(memberId, false)
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
export async function commitOffsets(
  admin: Admin,
  group: string,
  topics: readonly NamedCommits[],
  as = nobody,
): Promise<void> {
  try {
    await patiently(admin, async () => offsetCommit.async(await coordinatorOf(admin, group), group, as, topics))
  } catch (error) {
    if (!isUnknownTopic(error)) throw error
  }
}

/** What a group has committed for the topic of this name in Kafka; without one, for all. `topicOf` says whose a name is. */
export async function committedOffsets(
  admin: Admin,
  groupId: string,
  topicOf: (name: string) => string | undefined,
  name?: string,
): Promise<Commit[]> {
  const count = name === undefined ? 0 : await partitionsOf(admin, name)
  if (count === undefined) return []
  const partitionIndexes = Array.from({ length: count }, (_, partition) => partition)
  const asked = name === undefined ? groupId : { groupId, topics: [{ name, partitionIndexes }] }
  const groups = await patiently(admin, () => admin.listConsumerGroupOffsets({ groups: [asked] }))
  return groups
    .flatMap(({ topics }) => topics)
    .flatMap((found) => {
      const topic = topicOf(found.name)
      if (topic === undefined) return []
      return found.partitions
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex: partition, committedOffset, metadata }) => {
          return { topic, partition, offset: Number(committedOffset), metadata: metadata ?? '' }
        })
    })
    .toSorted((a, b) => a.partition - b.partition)
}

/** With all that it committed. */
export async function deleteKafkaGroup(admin: Admin, group: string): Promise<void> {
  await patiently(admin, () => admin.deleteGroups({ groups: [group] })).catch((error: unknown) => {
    if (!says(error, 'GROUP_ID_NOT_FOUND')) throw error
  })
}
