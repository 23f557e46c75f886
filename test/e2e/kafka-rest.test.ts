import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import { startWorker } from '../support/worker.ts'
import type { Running } from './edge-harness.ts'
import { ask, must, newKey, rows } from './ask.ts'
import type { KafkaCall, KafkaOutcome } from './workers/kafka.ts'

interface Message {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string
  readonly value: string
  readonly headers: readonly { readonly key: string; readonly value: string }[]
}

const libraries = kafkaLibraries()
let worker: Running

beforeAll(async () => {
  worker = await startWorker({ file: 'test/e2e/workers/kafka.ts', handler: 'kafkaFetch' })
})
afterAll(() => worker?.stop())

describe('@upstash/kafka in a Worker, on the embedded log', () => {
  facade(() => Promise.resolve({}))
})

describe.skipIf(libraries === undefined)('@upstash/kafka in a Worker, on Apache Kafka', () => {
  let kafka: Kafka
  afterAll(() => kafka?.stop())
  facade(async () => {
    kafka = await startKafka({ libraries: libraries ?? '' })
    return { KAFKA_URL: `kafka://127.0.0.1:${kafka.port}?timeout_ms=5000` }
  })
})

/** Every method, and what is promised of it: the same on both. */
function facade(engine: () => Promise<Readonly<Record<string, string>>>): void {
  let product: Product
  let stranger: string

  beforeAll(async () => {
    product = await startProduct({ env: await engine() })
    const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
    stranger = made.json.key.key
  }, 180_000)
  afterAll(() => product?.stop())

  async function outcome(call: Omit<KafkaCall, 'config'>, password = product.key): Promise<KafkaOutcome> {
    const config = { url: `${product.url}/kafka`, username: 'main', password }
    const response = await fetch(worker.url, { method: 'POST', body: JSON.stringify({ config, ...call }) })
    if (!response.ok) throw new Error(await response.text())
    return (await response.json()) as KafkaOutcome
  }

  async function call<T>(role: KafkaCall['role'], method: string, args: readonly unknown[], key?: string): Promise<T> {
    const came = await outcome({ role, method, args }, key)
    if ('error' in came) throw new Error(`${method}: ${JSON.stringify(came.error)}`)
    return came.value as T
  }

  const produceMany = (messages: readonly object[], key?: string) =>
    call<Message[]>('producer', 'produceMany', [messages], key)
  const consume = (instanceId: string, more: object = {}) =>
    call<Message[]>('consumer', 'consume', [
      { consumerGroupId: 'group', instanceId, topics: ['jobs'], autoOffsetReset: 'earliest', timeout: 100, ...more },
    ])
  const valuesOf = (messages: readonly Message[]) => messages.map(({ value }) => value).sort()
  /** `name0` to `name3` in the four partitions. */
  const fill = (name: string, topic = 'jobs') =>
    produceMany([0, 1, 2, 3].map((partition) => ({ topic, partition, value: `${name}${partition}` })))

  test('produce, produceMany and fetch: values, keys, headers, times, partitions', async () => {
    const headers = [{ key: 'trace', value: '85a9f12' }]
    const options = { partition: 1, timestamp: 12_345, key: 'é', headers }
    const one = await call<Message>('producer', 'produce', ['my.Topic-1', { hello: 'wörld' }, options])
    expect(one).toEqual({ topic: 'my.Topic-1', partition: 1, offset: 0, timestamp: 12_345 })
    const many = await produceMany([
      { topic: 'my.Topic-1', value: 'as it is', partition: 1 },
      { topic: 'another', value: { n: 1 }, key: 'k' },
      { topic: 'another', value: [2], key: 'k' },
    ])
    expect(many.map(({ topic, offset }) => [topic, offset])).toEqual([
      ['my.Topic-1', 1],
      ['another', 0],
      ['another', 1],
    ])
    const { partition } = many[1]!
    const found = await call<Message[]>('consumer', 'fetch', [
      {
        topic: 'my.Topic-1',
        partition: 1,
        offset: 0,
        topicPartitionOffsets: [{ topic: 'another', partition, offset: 1 }],
        timeout: 100,
      },
    ])
    expect(found.toSorted((a, b) => a.offset - b.offset || (a.topic < b.topic ? 1 : -1))).toEqual([
      { ...one, key: 'é', value: '{"hello":"wörld"}', headers },
      { ...many[0], key: '', value: 'as it is', headers: [] },
      { ...many[2], key: 'k', value: '[2]', headers: [] },
    ])
    const once = [{ topic: 'my.Topic-1', partition: 1, offset: 1, timeout: 10 }, { parallel: false }]
    expect(valuesOf(await call('consumer', 'fetch', once))).toEqual(['as it is'])
  })

  test('topics and offsets by timestamp', async () => {
    await produceMany(
      [1_000, 2_000, 3_000].map((timestamp) => ({ topic: 'times', partition: 0, timestamp, value: '' })),
    )
    expect(await call<object>('admin', 'topics', [])).toMatchObject({ times: 4 })
    const at = async (timestamp: number | string) => {
      const topicPartition = { topic: 'times', partition: 0 }
      const [found] = await call<Message[]>('admin', 'topicPartitionOffsets', [{ timestamp, topicPartition }])
      return found?.offset
    }
    expect([await at('earliest'), await at(1_500), await at(2_000), await at(9_000), await at('latest')]).toEqual([
      0, 1, 1, 3, 3,
    ])
  })

  test('consume, commit, committed: two instances share, one that is silent gives its partitions up', async () => {
    await fill('a')
    const slow = { autoCommit: false }
    expect(valuesOf(await consume('one', slow))).toEqual(['a0', 'a1', 'a2', 'a3'])
    await call('consumer', 'commit', [{ consumerGroupId: 'group', instanceId: 'one' }])
    await consume('two', slow)
    await fill('b')
    const [one, two] = [valuesOf(await consume('one', slow)), valuesOf(await consume('two', slow))]
    expect([one.length, two.length]).toEqual([2, 2])
    expect([...one, ...two].sort()).toEqual(['b0', 'b1', 'b2', 'b3'])
    const groups = await call<{ name: string; instances: { name: string; topics: unknown[] }[] }[]>(
      'admin',
      'consumers',
      [],
    )
    expect(groups.find(({ name }) => name === 'group')?.instances.map(({ name }) => name)).toEqual(['one', 'two'])
    // It says how long it may be silent as any client may: in a header, which the library has no way to set.
    const body = { topics: ['jobs'], timeout: 0 }
    const brief = { 'kafka-session-timeout-ms': '1000', 'kafka-enable-auto-commit': 'false' }
    await must(product, '/kafka/consume/group/two', { json: body, headers: brief })
    await sleep(1_300)
    expect(valuesOf(await consume('one', slow))).toEqual(two)
    await call('admin', 'removeConsumerInstance', ['group', 'one'])
    const topicPartitions = [0, 1, 2, 3].map((partition) => ({ topic: 'jobs', partition }))
    for (const [role, method] of [
      ['consumer', 'committed'],
      ['admin', 'committedOffsets'],
    ] as const) {
      // prettier-ignore
      const asked = { consumerGroupId: 'group', instanceId: 'one', topicPartitions }
      expect(await call(role, method, [asked])).toEqual(topicPartitions.map((place) => ({ ...place, offset: 1 })))
    }
  })

  test(
    'what was committed survives kill −9 of the core, and what was not is given again',
    { timeout: 120_000 },
    async () => {
      const group = { consumerGroupId: 'survivor' }
      const more = { ...group, topics: ['kept'], autoCommit: false }
      await fill('a', 'kept')
      expect(await consume('one', more)).toHaveLength(4)
      const offset = [0, 1].map((partition) => ({ topic: 'kept', partition, offset: 1 }))
      await call('consumer', 'commit', [{ ...group, instanceId: 'one', offset }])
      await product.killCore()
      // On a server's database the session goes on, and ends when it is removed.
      await outcome({ role: 'admin', method: 'removeConsumerInstance', args: ['survivor', 'one'] }).catch(
        () => undefined,
      )
      expect(valuesOf(await consume('two', more))).toEqual(['a2', 'a3'])
      expect(valuesOf(await call('consumer', 'fetch', [{ topic: 'kept', partition: 0, offset: 0 }]))).toEqual(['a0'])
    },
  )

  test('a second workspace sees nothing, whatever it calls things', async () => {
    await fill('mine', 'private')
    expect(await call('admin', 'topics', [], stranger)).toEqual({})
    expect(await call('admin', 'consumers', [], stranger)).toEqual([])
    const names = ['private', 'main/private', 'main..private', '..', 'main.private', '%2e%2e/main/private']
    const fetched = await Promise.all(
      names.map((topic) =>
        ask(product, '/kafka/fetch', { key: stranger, json: { topic, partition: 0, offset: 0, timeout: 0 } }),
      ),
    )
    expect(fetched.map(({ status }) => status)).toEqual([404, 400, 404, 400, 404, 400])
    await produceMany([{ topic: 'private', partition: 0, value: 'theirs' }], stranger)
    const mine = await call<Message[]>('consumer', 'fetch', [{ topic: 'private', partition: 0, offset: 0, timeout: 0 }])
    expect(valuesOf(mine)).toEqual(['mine0'])
  })

  test('a stream is produced to through ingest, and is not read as a topic', async () => {
    await must(product, '/v1/events/orders?wait=true', { body: '{"time":"2026-10-11T10:00:00Z","n":1}' })
    const row = (n: unknown) => ({ topic: 'orders', value: { time: '2026-10-11T11:00:00Z', n } })
    const produced = await produceMany([row(2), row(3)])
    expect(produced[1]!.offset).toBe(produced[0]!.offset + 1)
    await expect
      .poll(() => rows(product, 'SELECT n FROM orders ORDER BY n'), { timeout: 10_000 })
      .toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    const bad = await ask<{ error: string }>(product, '/kafka/produce', { json: [{ ...row(4), value: '{"n":"x"}' }] })
    expect([bad.status, bad.json]).toMatchObject([422, { result: 'Error', status: 422 }])
    const inside = await ask(product, '/kafka/produce', { json: [{ topic: 'orders', value: '{"n":5},{"n":6}' }] })
    expect(inside.status).toBe(400)
    const read = await ask<{ error: string }>(product, '/kafka/fetch', {
      json: { topic: 'orders', partition: 0, offset: 0 },
    })
    expect(read.json.error).toBe('`orders` is a stream, which is not read as a topic.')
    expect(await rows(product, 'SELECT count() AS n FROM orders')).toEqual([{ n: 3 }])
  })

  test('bad input is an error of Upstash’s form, in each method', { timeout: 60_000 }, async () => {
    const group = { consumerGroupId: 'group', instanceId: 'x' }
    const place = { topic: 'nowhere', partition: 0 }
    const calls: (readonly [KafkaCall['role'], string, readonly unknown[], number])[] = [
      ['producer', 'produce', ['a/b', 'x'], 400],
      ['producer', 'produceMany', [[]], 400],
      ['consumer', 'fetch', [{ ...place, offset: 0 }], 404],
      ['consumer', 'consume', [{ ...group, topics: ['nowhere'] }], 404],
      ['consumer', 'commit', [{ ...group, instanceId: 'never' }], 404],
      ['consumer', 'committed', [{ ...group, topicPartitions: [place] }], 404],
      ['admin', 'removeConsumerInstance', ['group', 'never'], 404],
      ['admin', 'committedOffsets', [{ ...group, topicPartitions: [] }], 400],
      ['admin', 'topicPartitionOffsets', [{ timestamp: 'soon', topicPartition: place }], 400],
    ]
    // The library tries everything again for a quarter of a minute, so all at once.
    const stranger = outcome({ role: 'admin', method: 'topics', args: [] }, `ew_${'0'.repeat(38)}`)
    const came = await Promise.all(calls.map(([role, method, args]) => outcome({ role, method, args })))
    expect(came).toEqual(
      calls.map(([, , , status]) => ({ error: { result: 'Error', status, error: expect.any(String) as string } })),
    )
    expect(await stranger).toMatchObject({ error: { result: 'Error', status: 401 } })
  })

  test('the forms that curl uses', async () => {
    const basic = (key: string) => ({ authorization: `Basic ${btoa(`anybody:${key}`)}` })
    const plain = { key: null, headers: basic(product.key), type: 'application/x-www-form-urlencoded' }
    const one = await must<Message>(product, '/kafka/produce/curl/hello%20kafka?key=k', plain)
    expect(one.json).toMatchObject({ topic: 'curl', offset: 0 })
    const to = await must<Message[]>(product, '/kafka/produce/curl', {
      ...plain,
      body: '[{"value":"a"},{"value":"b"}]',
    })
    expect(to.json).toHaveLength(2)
    const from = { ...plain, headers: { ...plain.headers, 'kafka-auto-offset-reset': 'earliest' } }
    const found = await must<Message[]>(product, '/kafka/consume/curls/one/curl?timeout=100', from)
    expect(valuesOf(found.json)).toEqual(['a', 'b', 'hello kafka'])
    expect((await must(product, '/kafka/commit/curls/one', { ...plain, method: 'POST' })).json).toEqual({
      result: 'Success',
      status: 200,
    })
    expect((await must(product, '/kafka/delete-consumer/curls/one', { ...plain, method: 'DELETE' })).status).toBe(200)
    for (const headers of [basic(''), { authorization: 'Basic !' }, { authorization: `Basic ${btoa('nobody')}` }]) {
      expect((await ask(product, '/kafka/topics', { key: null, headers })).status).toBe(401)
    }
    // Nowhere else: a browser would send it by itself.
    expect((await ask(product, '/v1/streams', { key: null, headers: basic(product.key) })).status).toBe(401)
    expect((await must(product, '/v1/topics/curl', { method: 'DELETE' })).status).toBe(204)
    expect((await ask(product, '/v1/topics/curl', { method: 'DELETE' })).status).toBe(404)
  })

  test('a key is held to its scopes', async () => {
    await fill('a', 'shared')
    const { key } = await newKey(product, { scopes: ['topics:read:shared', 'topics:write:inbox'] })
    expect(await call('admin', 'topics', [], key)).toEqual({ shared: 4 })
    const denied = await ask(product, '/kafka/produce', { key, json: { topic: 'shared', value: '' } })
    expect(denied.status).toBe(403)
    const missing = await ask(product, '/kafka/produce', { key, json: { topic: 'inbox', value: '' } })
    expect(missing.status).toBe(404)
  })
}
