import { Admin } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openKafkaLog } from '../../core/storage/kafka/log.ts'
import type { Log } from '../../core/storage/log.ts'
import { type Kafka, kafkaLibraries, kafkaOptions, startKafka } from '../support/servers/kafka.ts'
import { logContract } from './log.ts'

const libraries = kafkaLibraries()
let kafka: Kafka
let logs = 0

beforeAll(async () => {
  if (libraries !== undefined) kafka = await startKafka({ libraries, properties: forgetful })
}, 90_000)
afterAll(() => kafka?.stop())

/** A broker that forgets what groups without members committed as soon as it may. */
const forgetful = { 'offsets.retention.minutes': 1, 'offsets.retention.check.interval.ms': 1_000 }

const open = (prefix: string): Promise<Log> => openKafkaLog(kafka.options(prefix))

const record = (n: number) => ({ key: undefined, value: `{"n":${n}}`, timestamp: 1_000 })

describe.skipIf(libraries === undefined)('on Apache Kafka', () => {
  logContract(open, () => `log${logs++}`)

  test('appends of another process are noticed, and installations do not see one another', async () => {
    const [one, other, stranger] = [await open('shared'), await open('shared'), await open('shared2')]
    await one.createTopic('w.s', { partitions: 2 })
    const told: string[] = []
    one.onAppend((topic, partition) => told.push(`${topic}/${partition}`))
    stranger.onAppend((topic) => told.push(`strange: ${topic}`))
    await other.append([{ topic: 'w.s', partition: 1, records: [record(1)] }])
    await other.createTopic('w.t', { partitions: 1 })
    await other.append([{ topic: 'w.t', partition: 0, records: [record(1)] }])
    await expect.poll(() => told.toSorted(), { timeout: 5_000 }).toEqual(['w.s/1', 'w.t/0'])
    expect(await stranger.topics()).toEqual([])
    await other.append([{ topic: 'w.t', partition: 0, records: [record(2), record(3)] }])
    await expect.poll(() => told.length, { timeout: 5_000 }).toBe(3)
    // One of the same name that begins anew.
    await other.deleteTopic('w.t')
    await other.createTopic('w.t', { partitions: 1 })
    await other.append([{ topic: 'w.t', partition: 0, records: [record(1)] }])
    await expect.poll(() => told.length, { timeout: 5_000 }).toBe(4)
    await Promise.all([one, other, stranger].map((log) => log.close()))
  })

  test('a batch larger than a broker takes at once goes in parts, in order; a record that is too large is refused', async () => {
    const log = await open('large')
    await log.createTopic('w.s', { partitions: 1 })
    const append = (length: number, size: number) =>
      log.append([
        {
          topic: 'w.s',
          partition: 0,
          records: Array.from({ length }, (_, n) => ({ ...record(n), value: `${n}:${'x'.repeat(size)}` })),
        },
      ])
    expect(await append(40, 600_000)).toEqual([{ topic: 'w.s', partition: 0, offset: 39 }])
    await expect(append(1, 9 << 20)).rejects.toMatchObject({ problem: 'request.too_large' })
    expect(await append(1, 7 << 20)).toEqual([{ topic: 'w.s', partition: 0, offset: 40 }])
    const read = await log.read('w.s', 0, 0, { maxRecords: 100, maxBytes: 1 << 30 })
    expect(read.map(({ value }) => Number.parseInt(value, 10))).toEqual([...Array(40).keys(), 0])
    await log.close()
  })

  test('what waits for brokers is bounded: beyond, callers are told when to come back, and nothing is lost', async () => {
    const log = await open('bounded')
    await log.createTopic('w.s', { partitions: 1 })
    const records = Array.from({ length: 40 }, (_, n) => ({ ...record(n), value: 'x'.repeat(1 << 20) }))
    const ends = await Promise.allSettled(
      Array.from({ length: 5 }, () => log.append([{ topic: 'w.s', partition: 0, records }])),
    )
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []))
    expect(refused).toEqual([
      expect.objectContaining({ problem: 'limit.queue_full', status: 503, retryAfterMs: 1_000 }),
      expect.objectContaining({ problem: 'limit.queue_full' }),
    ])
    expect(await log.ranges('w.s')).toEqual([{ partition: 0, start: 0, end: 120 }])
    await log.close()
  })

  test('is used over TLS, with a password, and says what it is that does not hold', { timeout: 90_000 }, async () => {
    const guard = { username: 'me', password: 'correct-horse' }
    const guarded = await startKafka({ libraries: libraries ?? '', guard })
    const openBy = (user: string, query: string) =>
      openKafkaLog(kafkaOptions(`kafka://${user}@localhost:${guarded.port}?timeout_ms=5000&${query}`))
    try {
      const tls = `tls=true&ca=${guarded.ca}`
      for (const sasl of ['plain', 'scram-sha-512']) {
        const log = await openBy('me:correct-horse', `${tls}&sasl=${sasl}`)
        await log.createTopic('w.s', { partitions: 1 })
        await log.append([{ topic: 'w.s', partition: 0, records: [record(1)] }])
        await log.close()
      }
      const refused = await openBy('me:wrong', tls).catch((error: unknown) => String(error))
      expect(refused).toMatch(/uthentication.*Check KAFKA_URL/)
      expect(refused).not.toContain('wrong')
      await expect(openBy('me:correct-horse', 'tls=true')).rejects.toThrow(/self-signed certificate.*Check KAFKA_URL/)
    } finally {
      await guarded.stop()
    }
  })

  test('names where Kafka is not, and what to look at', async () => {
    await expect(openKafkaLog(kafkaOptions('kafka://127.0.0.1:1?timeout_ms=200'))).rejects.toThrow(
      /127\.0\.0\.1:1.*Check KAFKA_URL/,
    )
  })

  // In last place: it waits for what a broker does on its own time.
  test('what was committed is kept by a broker that forgets early', { timeout: 120_000 }, async () => {
    const log = await open('kept')
    await log.createTopic('w.s', { partitions: 1 })
    const commit = { topic: 'w.s', partition: 0, offset: 7, metadata: 'm' }
    await log.commit('g', [commit])
    await forgotten(kafka.port)
    expect(await log.committed('g', 'w.s')).toEqual([commit])
    await log.close()
  })
})

/** Commits as clients do by default, and waits until the broker has forgotten it. */
async function forgotten(port: number): Promise<void> {
  const admin = new Admin({ clientId: 'control', bootstrapBrokers: [`127.0.0.1:${port}`] })
  const topic = 'kept-w-s'
  const groupId = 'control'
  await admin.alterConsumerGroupOffsets({
    groupId,
    topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 7n }] }],
  })
  const offset = async () => {
    const groups = await admin.listConsumerGroupOffsets({
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }],
    })
    return groups[0]?.topics[0]?.partitions[0]?.committedOffset
  }
  expect(await offset()).toBe(7n)
  await expect.poll(offset, { timeout: 90_000, interval: 1_000 }).toBe(-1n)
  await admin.close()
}
