import { randomUUID } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import type { Append, Commit, Log, Position } from '../log.ts'
import { createAppender } from './append.ts'
import {
  connectKafka,
  connectWaiting,
  isUnknownTopic,
  type KafkaClients,
  partitionsOf,
  patiently,
  reasonOf,
} from './client.ts'
import { groupRequestMs, joinKafkaGroup } from './group.ts'
import { kafkaGroup, kafkaTopic, topicOfKafka } from './names.ts'
import { commitOffsets, committedOffsets, deleteKafkaGroup } from './offsets.ts'
import { readRecords } from './read.ts'
import {
  createKafkaTopic,
  deleteKafkaTopic,
  endsOf,
  expireTopic,
  listKafkaTopics,
  offsetAt,
  rangesOf,
} from './topics.ts'
import type { KafkaOptions } from './url.ts'
import { watchEnds } from './watch.ts'

/** How long brokers may keep who starts waiting: a wrong URL should be told soon. */
const startsWithinMs = 10_000

/**
 * Opens the event log on Apache Kafka, 3.5 to 4. See the port for what it promises. `member` is who this is in groups,
 * the same after a restart and like no other that runs.
 */
export async function openKafkaLog(options: KafkaOptions, member: string = randomUUID()): Promise<Log> {
  const { prefix } = options
  const clients = connectKafka(options)
  const { admin, producer } = clients
  const { id } = await patiently(admin, () => admin.metadata({ topics: [] }), startsWithinMs).catch((error: unknown) =>
    unreachable(clients, options, error),
  )
  const ends = await watchEnds(admin, prefix)
  const appender = createAppender(producer)
  const nameOf = (topic: string) => kafkaTopic(prefix, topic)

  async function check({ topic, partition }: Append): Promise<void> {
    const count = await partitionsOf(admin, nameOf(topic))
    if (count === undefined || partition >= count)
      throw new Error(`there is no partition ${partition} of a topic ${topic}`)
  }

  async function write({ topic, partition, records }: Append): Promise<Position> {
    const offset = await appender.append(nameOf(topic), partition, records)
    ends.passed(nameOf(topic), partition, offset + 1)
    return { topic, partition, offset }
  }

  const committed = (group: string, topic?: string) =>
    committedOffsets(
      admin,
      kafkaGroup(prefix, group),
      (name) => topicOfKafka(prefix, name),
      topic === undefined ? undefined : nameOf(topic),
    )

  return {
    identity: `${prefix} on the Kafka cluster ${id}`,
    createTopic: (topic, { partitions }) => createKafkaTopic(admin, nameOf(topic), partitions),
    async deleteTopic(topic) {
      await deleteKafkaTopic(admin, nameOf(topic), kafkaGroup(prefix, ''))
      producer.clearMetadata()
      ends.forget(nameOf(topic))
    },
    async topics() {
      const found = await listKafkaTopics(admin, prefix)
      return found.map(({ topic, partitions }) => ({ topic, partitions }))
    },
    async append(appends) {
      const filled = appends.filter(({ records }) => records.length > 0)
      if (!ends.isReady) throw away()
      await Promise.all(filled.map(check))
      const positions = new Map<Append, Position>()
      for (const group of Map.groupBy(filled, ({ topic }) => topic).values()) {
        const written = await Promise.all(group.map(write))
        for (const [i, one] of group.entries()) positions.set(one, written[i] as Position)
      }
      return filled.map((one) => positions.get(one) as Position)
    },
    read: (topic, partition, from, bounds) => readRecords(admin, nameOf(topic), partition, from, bounds),
    ranges: (topic) => rangesOf(admin, nameOf(topic)),
    async offsetAt(topic, partition, timestamp) {
      const name = nameOf(topic)
      const found = await offsetAt(admin, name, partition, timestamp)
      return found < 0 ? ((await rangesOf(admin, name))[partition]?.end ?? 0) : found
    },
    committed,
    async lag(group) {
      const [topics, done] = await Promise.all([listKafkaTopics(admin, prefix), committed(group)])
      const passed = new Map(done.map(({ topic, partition, offset }) => [`${nameOf(topic)}/${partition}`, offset]))
      const ends = await endsOf(admin, topics)
      return topics.flatMap(({ topic, name, partitions }) =>
        Array.from({ length: partitions }, (_, partition) => {
          const place = `${name}/${partition}`
          return { topic, partition, records: (ends.get(place) ?? 0) - (passed.get(place) ?? 0) }
        }),
      )
    },
    join(group, listener) {
      const waiting = connectWaiting(options, groupRequestMs)
      return joinKafkaGroup({ waiting, admin, group: kafkaGroup(prefix, group), member, nameOf, listener })
    },
    async commit(group, commits) {
      const byTopic = Map.groupBy(commits, ({ topic }: Commit) => nameOf(topic))
      const named = [...byTopic].map(([name, mine]) => ({ name, commits: mine }))
      await commitOffsets(admin, kafkaGroup(prefix, group), named)
    },
    deleteGroup: (group) => deleteKafkaGroup(admin, kafkaGroup(prefix, group)),
    onAppend: (listener) => ends.listen(listener),
    async expire({ before, groups, topics }) {
      const chosen = topics && new Set(topics)
      for (const { topic, name } of await listKafkaTopics(admin, prefix)) {
        if (chosen?.has(topic) === false) continue
        const passed = await Promise.all(groups.map((group) => committed(group, topic)))
        const least = (partition: number) =>
          Math.min(...passed.map((mine) => mine.find((commit) => commit.partition === partition)?.offset ?? 0))
        await expireTopic(admin, name, before, least).catch((error: unknown) => {
          // It was deleted amid it.
          if (!isUnknownTopic(error)) throw error
        })
      }
    },
    isReady: () => ends.isReady,
    async close() {
      await appender.idle()
      await ends.close()
      await Promise.all([admin.close(), producer.close()])
    },
  }
}

function away(): Failure {
  return new Failure('log.unavailable', 'Nothing of this request was written.', { retryAfterMs: 2_000 })
}

async function unreachable(
  { admin, producer }: KafkaClients,
  { brokers }: KafkaOptions,
  cause: unknown,
): Promise<never> {
  await Promise.all([admin.close(), producer.close()])
  throw new Error(
    `Kafka cannot be used at ${brokers.join(', ')}: ${reasonOf(cause)}. Check KAFKA_URL (brokers, tls, sasl, user), or leave it out to use the embedded log.`,
    { cause },
  )
}
