import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { findRedis, type RedisServer, startRedis } from '../support/servers/redis.ts'
import { startWorker } from '../support/worker.ts'
import { ask, must, newKey } from './ask.ts'
import type { Running } from './edge-harness.ts'

const program = findRedis()
const engines = [
  { engine: 'embedded', isAbsent: false },
  { engine: 'a server of Redis', isAbsent: program === undefined },
] as const

/** What each example of test/edge/redis/worker.ts comes to, as the clients' documentation has it. */
const examples: Readonly<Record<string, unknown>> = {
  strings: { came: ['value', { name: 'grüße', n: [1, 2] }, 100, 5, ['value', null]] },
  sortedSets: { came: [['team1', 'team2', 'team3'], ['team3', 3, 'team2', 2], 2] },
  lists: { came: [['magnesium', 'iron', 'zinc'], 'magnesium', 2] },
  hashes: { came: ['joe', { name: 'joe', age: 30 }, 31] },
  sets: { came: [1, 1, 0] },
  pipeline: { came: ['OK', 2, 2] },
  autoPipelining: { came: ['OK', 2, 2, 1] },
  multi: { came: ['OK', 'v'] },
  scan: { came: ['user:1', 'user:2'] },
  fixedWindow: { came: [10, 0, true, 6, 10] },
  slidingWindow: { came: [10, 0, true, 6, 10] },
  tokenBucket: { came: [10, 0, true, 6, 10] },
  refills: { came: [true, false, true] },
}

describe.each(engines)('the Redis REST API over $engine', ({ engine, isAbsent }) => {
  let server: RedisServer | undefined
  let product: Product
  const workers: Running[] = []

  async function workerOf(key: string): Promise<Running> {
    const { host } = new URL(product.url)
    const worker = await startWorker({
      file: 'test/edge/redis/worker.ts',
      handler: 'redisFetch',
      outbound: host,
      variables: { UPSTASH_REDIS_REST_URL: 'http://gateway/redis', UPSTASH_REDIS_REST_TOKEN: key },
    })
    workers.push(worker)
    return worker
  }
  const example = async (worker: Running, name: string): Promise<unknown> =>
    (await fetch(`${worker.url}/${name}`)).json()

  beforeAll(async () => {
    if (isAbsent) return
    server = engine === 'embedded' ? undefined : await startRedis(program ?? '')
    product = await startProduct(server === undefined ? {} : { env: { REDIS_URL: server.url() } })
  }, 120_000)
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()))
    await product?.stop()
    await server?.stop()
  })

  test.skipIf(isAbsent)(
    'serves @upstash/redis and @upstash/ratelimit in a Worker, as they are',
    { timeout: 120_000 },
    async () => {
      const worker = await workerOf((await newKey(product, { scopes: ['redis:read', 'redis:write'] })).key)
      for (const [name, came] of Object.entries(examples)) {
        expect([name, await example(worker, name)]).toEqual([name, came])
      }
      expect(await example(worker, 'json')).toEqual({ error: expect.stringContaining('it has no JSON') as string })
      expect(await example(worker, 'script')).toEqual({ error: expect.stringContaining('not offered') as string })
      // Another workspace begins with nothing, and comes to the same.
      const stranger = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
      const other = await workerOf(stranger.json.key.key)
      expect(await example(other, 'keys')).toEqual({ came: [] })
      expect(await example(other, 'slidingWindow')).toEqual(examples['slidingWindow'])
      // A key that may read reads.
      const reader = await workerOf((await newKey(product, { scopes: ['redis:read'] })).key)
      expect(await example(reader, 'strings')).toEqual({ error: expect.stringContaining('redis:write') as string })
    },
  )

  test.skipIf(isAbsent)('is spoken to by any client of HTTP', async () => {
    const redis = (path: string, asked: Parameters<typeof ask>[2] = {}) => ask(product, `/redis${path}`, asked)
    expect((await redis('/set/curl/a%2Fb?EX=100')).json).toEqual({ result: 'OK' })
    expect((await redis('/get/curl')).json).toEqual({ result: 'a/b' })
    expect((await redis('/ttl/curl')).json).toEqual({ result: 100 })
    expect((await redis('/set/body?EX=50', { body: 'grüße\n' })).json).toEqual({ result: 'OK' })
    const base64 = { headers: { 'upstash-encoding': 'base64' } }
    expect((await redis('/get/body', base64)).json).toEqual({ result: Buffer.from('grüße\n').toString('base64') })
    expect((await redis('', { json: ['INCRBY', 'big', '9007199254740993'] })).text).toBe('{"result":9007199254740993}')
    expect((await redis('', { json: ['MGET', 'curl', 'none'], ...base64 })).json).toEqual({ result: ['YS9i', null] })
    expect(
      (
        await redis('/pipeline', {
          json: [
            ['GET', 'curl'],
            ['INCR', 'curl'],
          ],
        })
      ).json,
    ).toEqual([{ result: 'a/b' }, { error: 'ERR value is not an integer or out of range' }])
    expect(
      (
        await redis('/multi-exec', {
          json: [
            ['SET', 'x', 1],
            ['INCR', 'x'],
          ],
        })
      ).json,
    ).toEqual([{ result: 'OK' }, { result: 2 }])
  })

  test.skipIf(isAbsent)('says what is wrong as Upstash does, with its status', async () => {
    const wrong = async (path: string, asked: Parameters<typeof ask>[2] = {}) => {
      const { status, json } = await ask<{ error?: string; code?: string }>(product, `/redis${path}`, asked)
      return [status, json.code, typeof json.error]
    }
    expect(await wrong('', { json: ['INCR'] })).toEqual([400, 'redis.refused', 'string'])
    expect(await wrong('', { json: ['NONSENSE', 'x'] })).toEqual([400, 'redis.refused', 'string'])
    expect(await wrong('', { json: { a: 1 } })).toEqual([400, 'request.invalid', 'string'])
    expect(await wrong('', { json: [['GET', 'x']] })).toEqual([400, 'request.invalid', 'string'])
    expect(await wrong('', { json: [] })).toEqual([400, 'request.invalid', 'string'])
    expect(await wrong('', { body: '{' })).toEqual([400, 'request.invalid', 'string'])
    expect(await wrong('/pipeline', { json: ['GET', 'x'] })).toEqual([400, 'request.invalid', 'string'])
    expect(await wrong('/pipeline', { json: [] })).toEqual([413, 'request.too_large', 'string'])
    expect(await wrong('/multi-exec', { json: [['SET', 'x', 1], ['NONSENSE']] })).toEqual([
      400,
      'redis.refused',
      'string',
    ])
    expect(await wrong('', { json: ['SET', 'x', 'y'.repeat(1 << 20)] })).toEqual([413, 'request.too_large', 'string'])
    expect(await wrong('/get/x', { key: null })).toEqual([401, 'auth.missing', 'string'])
    expect(await wrong('/get/x', { key: 'ew_nonsense' })).toEqual([401, 'auth.invalid', 'string'])
    expect(await wrong(`/get/x?_token=${product.key}`)).toEqual([400, 'request.invalid', 'string'])
    expect(await wrong('/get/%ff')).toEqual([400, 'request.invalid', 'string'])
    const { key } = await newKey(product, { scopes: ['sql:read'] })
    expect(await wrong('/get/x', { key })).toEqual([403, 'auth.scope', 'string'])
  })

  test.skipIf(isAbsent)('charges each command to the plan', async () => {
    const plan = { requests: 10, window_s: 60 }
    const { key } = await newKey(product, { scopes: ['redis:read'], plan })
    const pings = Array.from({ length: 8 }, () => ['PING'])
    const first = await ask(product, '/redis/pipeline', { json: pings, key })
    expect([first.status, first.headers.get('ratelimit')]).toEqual([200, expect.stringContaining('r=2')])
    const second = await ask(product, '/redis/pipeline', { json: pings, key })
    expect([second.status, Number(second.headers.get('retry-after'))]).toEqual([429, expect.any(Number)])
  })

  // The embedded one is the core's own.
  if (engine === 'embedded') return

  test.skipIf(isAbsent)(
    'says "not now" while Redis is away, and goes on by itself when it is back',
    { timeout: 60_000 },
    async () => {
      const set = () => ask<{ error?: string }>(product, '/redis/set/kept/v')
      expect((await set()).status).toBe(200)
      await server?.kill()
      const meanwhile = await set()
      expect([meanwhile.status, Number(meanwhile.headers.get('retry-after'))]).toEqual([503, 1])
      expect(meanwhile.json.error).toContain('Redis does not answer')
      const health = await fetch(new URL('/health/ready', product.core.http))
      expect([health.status, await health.json()]).toEqual([503, { ready: false, unready: ['redis'] }])
      // What needs no Redis is served.
      expect((await ask(product, '/v1/streams')).status).toBe(200)
      await server?.restart()
      await expect
        .poll(async () => (await ask(product, '/redis/get/kept')).text, { timeout: 20_000 })
        .toBe('{"result":"v"}')
      expect((await fetch(new URL('/health/ready', product.core.http))).status).toBe(200)
    },
  )
})
