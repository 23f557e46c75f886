import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRedis } from '../../../../core/storage/redis/connect.ts'
import { freePort } from '../../../e2e/edge-harness.ts'
import { findRedis, password, type RedisServer, startRedis } from '../../../support/servers/redis.ts'
import { urlOf } from '../../../core/redis/fixture.ts'

const program = findRedis()
const lines: string[] = []
const log = { warn: (...said: unknown[]) => void lines.push(JSON.stringify(said)) }
const unavailable = { problem: 'redis.unavailable', retryAfterMs: 1_000 }
let server: RedisServer

beforeAll(async () => {
  if (program !== undefined) server = await startRedis(program, { tls: true })
})
afterAll(() => server?.stop())

async function refusal(url: string): Promise<string> {
  const opened = await openRedis(urlOf(url), log).catch((error: unknown) => error)
  expect(opened).toBeInstanceOf(Error)
  return (opened as Error).message
}

describe.skipIf(program === undefined)('a Redis by its URL', () => {
  test('is asked over TLS by who knows its authority, and by no other', async () => {
    const redis = await openRedis(urlOf(server.tlsUrl(`ca=${server.ca}`)), log)
    expect((await redis.send([['PING']])).map(String)).toEqual(['PONG'])
    await redis.close()
    expect(await refusal(server.tlsUrl())).toContain('Name its authority by ca=FILE')
  })

  test('that cannot be used is said with the way out, and nothing that is secret', async () => {
    const wrong = await refusal(server.url().replace(encodeURIComponent(password), 's3cret'))
    expect(wrong).toContain('Check the user and password of REDIS_URL')
    expect(wrong).not.toContain('s3cret')
    expect(await refusal(server.url().replace(/:[^:]*@/, ''))).toContain('Check the user and password')
    expect(await refusal(server.url().replace(/\d+$/, `${server.port}/99`))).toContain('Name a database')
    expect(await refusal('redis://absent.invalid')).toContain('Check the host of REDIS_URL')
    expect(await refusal(`redis://127.0.0.1:${await freePort()}`)).toContain('Start the server')
  }, 60_000)

  test('that is a replica is refused', async () => {
    const replica = await startRedis(program ?? '')
    await replica.ask('CONFIG', 'SET', 'masterauth', password)
    await replica.ask('REPLICAOF', '127.0.0.1', String(server.port))
    expect(await refusal(replica.url())).toContain('it is a replica')
    await replica.stop()
  })

  test('killed and begun again is there again by itself; meanwhile it is not ready, and says when to ask again', async () => {
    const redis = await openRedis(urlOf(server.url('timeout_ms=500')), log)
    await redis.send([['SET', 'k', 'v']])
    lines.length = 0
    const under = redis
      .send(Array.from({ length: 1_000 }, () => ['INCR', 'n'] as const))
      .catch((error: unknown) => error)
    await server.kill()
    await under
    expect(redis.isReady()).toBe(false)
    await expect(redis.send([['GET', 'k']])).rejects.toMatchObject(unavailable)
    await expect(redis.transact([['GET', 'k']])).rejects.toMatchObject(unavailable)
    await server.restart()
    await expect.poll(() => redis.isReady(), { timeout: 10_000 }).toBe(true)
    expect((await redis.send([['GET', 'k']])).map(String)).toEqual(['v'])
    await redis.close()
    // Each outage once, and nothing of what was sent.
    expect(lines.filter((line) => line.includes('away'))).toHaveLength(1)
    expect(lines.join()).not.toContain('INCR')
  }, 30_000)

  test('that answers nothing is given up, and found again', async () => {
    const redis = await openRedis(urlOf(server.url('timeout_ms=200')), log)
    server.freeze()
    await expect(redis.send([['GET', 'k']])).rejects.toMatchObject(unavailable)
    await expect.poll(() => redis.isReady(), { timeout: 5_000 }).toBe(false)
    server.thaw()
    await expect.poll(() => redis.isReady(), { timeout: 10_000 }).toBe(true)
    await redis.send([['GET', 'k']])
    await redis.close()
  }, 30_000)
})
