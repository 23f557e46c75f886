import { setTimeout as sleep } from 'node:timers/promises'
import { Producer } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openKafkaLog } from '../../core/storage/kafka/log.ts'
import type { Log } from '../../core/storage/log.ts'
import { cuttingProxy } from '../support/servers/cutting-proxy.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'

const libraries = kafkaLibraries()
const everything = { maxRecords: 1_000_000, maxBytes: 1 << 30 }
let kafka: Kafka
let proxy: Awaited<ReturnType<typeof cuttingProxy>>

beforeAll(async () => {
  if (libraries === undefined) return
  proxy = await cuttingProxy(() => kafka.port)
  kafka = await startKafka({ libraries, advertised: `127.0.0.1:${proxy.port}` })
}, 90_000)
afterAll(async () => {
  await kafka?.stop()
  await proxy?.close()
})

async function open(prefix: string): Promise<Log> {
  const log = await openKafkaLog(kafka.options(prefix))
  await log.createTopic('w.s', { partitions: 2 })
  return log
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const recordsOf = (values: readonly number[]) =>
  values.map((n) => ({ key: undefined, value: String(n), timestamp: Date.now() }))

async function valuesOf(log: Log, partition: number): Promise<number[]> {
  return (await log.read('w.s', partition, 0, everything)).map(({ value }) => Number(value))
}

describe.skipIf(libraries === undefined)('on Apache Kafka', () => {
  test(
    'a broker that is killed under load, twice, loses, doubles and reorders nothing',
    { timeout: 180_000 },
    async () => {
      const log = await open('killed')
      const followed: number[] = []
      const over = new AbortController()
      const follow = async (): Promise<void> => {
        while (!over.signal.aborted || followed.length < appended) {
          const found = await log.read('w.s', 0, followed.length, everything).catch(() => [])
          expect(found.map(({ offset }) => offset)).toEqual(found.map((_, i) => followed.length + i))
          followed.push(...found.map(({ value }) => Number(value)))
          await sleep(20)
        }
      }
      let appended = 0
      const load = async (): Promise<void> => {
        for (; !over.signal.aborted; appended += 10) {
          const records = recordsOf(numbers(10).map((n) => appended + n))
          const [place] = await log.append([0, 1].map((partition) => ({ topic: 'w.s', partition, records })))
          expect(place?.offset).toBe(appended + 9)
        }
      }
      const work = Promise.all([load(), follow()])
      for (let kills = 0; kills < 2; kills++) {
        const before = appended
        await expect.poll(() => appended, { timeout: 60_000 }).toBeGreaterThan(before + 500)
        await kafka.kill()
        await sleep(1_000)
        await kafka.restart()
      }
      const before = appended
      await expect.poll(() => appended, { timeout: 60_000 }).toBeGreaterThan(before + 500)
      over.abort()
      await work
      expect(followed).toEqual(numbers(appended))
      expect(await valuesOf(log, 1)).toEqual(numbers(appended))
      await log.close()
    },
  )

  test('an append whose acknowledgement is lost is there once', { timeout: 60_000 }, async () => {
    const log = await open('unacknowledged')
    for (const n of numbers(20)) {
      if (n % 4 === 3) proxy.cut(1)
      await log.append([0, 1].map((partition) => ({ topic: 'w.s', partition, records: recordsOf([n]) })))
      expect(proxy.left()).toBe(0)
    }
    for (const partition of [0, 1]) expect(await valuesOf(log, partition)).toEqual(numbers(20))
    await log.close()
  })

  test('… and would be there twice if repeats had no sequence numbers', { timeout: 60_000 }, async () => {
    const log = await open('control')
    const bootstrapBrokers = [`127.0.0.1:${proxy.port}`]
    const producer = new Producer({
      clientId: 'control',
      bootstrapBrokers,
      idempotent: false,
      retries: 5,
      retryDelay: 100,
    })
    const send = (n: number) =>
      producer.send({ messages: [{ topic: 'control-w-s', partition: 0, value: Buffer.from(String(n)) }], acks: -1 })
    // The first to a new topic may be refused, and then there is nothing to double.
    await send(0)
    proxy.cut(1)
    await send(1)
    expect(await valuesOf(log, 0)).toEqual([0, 1, 1])
    await producer.close()
    await log.close()
  })

  test(
    'while brokers are away, who appends is told so at once, and what was begun is waited for',
    { timeout: 240_000 },
    async () => {
      const log = await open('away')
      const append = (n: number) => log.append([{ topic: 'w.s', partition: 0, records: recordsOf([n]) }])
      await append(0)
      await kafka.kill()
      const begun = append(1)
      await expect.poll(() => log.isReady(), { timeout: 30_000 }).toBe(false)
      await expect(append(2)).rejects.toMatchObject({ problem: 'log.unavailable', status: 503, retryAfterMs: 2_000 })
      await kafka.restart()
      expect(await begun).toMatchObject([{ offset: 1 }])
      await append(3)
      expect(await valuesOf(log, 0)).toEqual([0, 1, 3])
      await log.close()
    },
  )
})
