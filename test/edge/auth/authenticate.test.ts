import { beforeEach, describe, expect, test } from 'vitest'
import { generateKey } from '#mesh/keys.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import { createEdge, type Edge, problemOf } from '../support.ts'

let edge: Edge
const path = '/v1/endpoints/top'

beforeEach(() => {
  edge = createEdge()
  edge.fake.publish({ name: 'top', cache: { ttlSeconds: 20, staleIfErrorSeconds: 600 } })
})

const routes: readonly (readonly [string, string])[] = [
  ['GET', '/v1/streams'],
  ['PUT', '/v1/streams/a'],
  ['POST', '/v1/events/a'],
  ['GET', '/v1/quarantine/a'],
  ['POST', '/v1/sql'],
  ['GET', '/v1/queries'],
  ['DELETE', '/v1/queries/a'],
  ['GET', '/v1/endpoints/a'],
  ['GET', '/v1/keys'],
  ['POST', '/v1/workspaces'],
]

describe('refused on every route', () => {
  test.each(routes)('%s %s without a key is 401 and says how to send one', async (method, route) => {
    const response = await edge.get(route, undefined, {}, { method })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await problemOf(response)).toMatchObject({ code: 'auth.missing' })
  })

  test.each(routes)('%s %s with an unknown key is 401', async (method, route) => {
    const response = await edge.get(route, generateKey(), {}, { method })
    expect(response.status).toBe(401)
    expect(await problemOf(response)).toMatchObject({ code: 'auth.invalid' })
  })

  test('a key in the URL is none', async () => {
    const key = edge.fake.key()
    expect((await edge.get(`${path}?api_key=${key}`)).status).toBe(401)
  })

  test.each(['Basic YTpi', 'Bearer', 'Bearer a b', `Bearer ${'x'.repeat(4_100)}`])(
    '%j is not a credential',
    async (authorization) => {
      expect(await problemOf(await edge.get(path, undefined, { authorization }))).toMatchObject({
        code: 'auth.invalid',
      })
      expect(edge.fake.state.verified).toBe(0)
    },
  )
})

describe('a key', () => {
  test('is taken from X-API-Key as well', async () => {
    expect((await edge.get(path, undefined, { 'x-api-key': edge.fake.key() })).status).toBe(200)
  })

  test('is verified once, however often it is used', async () => {
    const key = edge.fake.key()
    for (let i = 0; i < 5; i++) await edge.get(path, key)
    expect(edge.fake.state.verified).toBe(1)
  })

  test('used many times at once is verified once', async () => {
    const key = edge.fake.key()
    await Promise.all(Array.from({ length: 10 }, () => edge.get(path, key)))
    expect(edge.fake.state.verified).toBe(1)
  })

  test('with a wrong checksum is refused without asking the core', async () => {
    const key = edge.fake.key()
    const wrong = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')
    expect((await edge.get(path, wrong)).status).toBe(401)
    expect(edge.fake.state.verified).toBe(0)
  })

  test('that is unknown is remembered for five seconds, not longer', async () => {
    const key = generateKey()
    for (let i = 0; i < 3; i++) await edge.get(path, key)
    expect(edge.fake.state.verified).toBe(1)
    edge.advance(5.1)
    await edge.get(path, key)
    expect(edge.fake.state.verified).toBe(2)
  })

  test('ends at its expiry to the millisecond, though it is cached', async () => {
    const key = edge.fake.key({}, edge.clock.now + 1_500)
    expect((await edge.get(path, key)).status).toBe(200)
    edge.clock.now += 1_499
    expect((await edge.get(path, key)).status).toBe(200)
    edge.clock.now += 1
    edge.fake.forget(key)
    expect((await edge.get(path, key)).status).toBe(401)
  })

  test.each([0.5, 1.9, 2.1, 3.5, 4.9])(
    'revoked %d s after the last poll stops working within five seconds',
    async (later) => {
      const key = edge.fake.key()
      await edge.get(path, key)
      edge.advance(later)
      await edge.get(path, key)
      edge.fake.changed(Change_Kind.KEY, edge.fake.actorOf(key).id)
      edge.fake.forget(key)
      await edge.settled()
      edge.advance(5)
      expect((await edge.get(path, key)).status).toBe(401)
    },
  )

  test('verified while its revocation arrived is not remembered', async () => {
    const key = edge.fake.key()
    await edge.get(path, edge.fake.key())
    edge.advance(3)
    const { verifyKey } = edge.fake.core.identity
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    Object.assign(edge.fake.core.identity, {
      async verifyKey(...args: Parameters<typeof verifyKey>) {
        const answer = await verifyKey(...args)
        await held
        return answer
      },
    })
    const slow = edge.get(path, key)
    await new Promise((resolve) => setTimeout(resolve, 5))
    edge.fake.changed(Change_Kind.KEY, edge.fake.actorOf(key).id)
    edge.fake.forget(key)
    edge.advance(2)
    expect((await edge.get('/health/ready')).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 5))
    release()
    await slow
    expect((await edge.get(path, key)).status).toBe(401)
  })

  test('whose workspace changed its settings is verified again', async () => {
    const key = edge.fake.key()
    await edge.get(path, key)
    edge.fake.changed(Change_Kind.WORKSPACE, 'main')
    edge.advance(5)
    await edge.get(path, key)
    expect(edge.fake.state.verified).toBe(2)
  })
})

describe('with the core out of reach', () => {
  test('a cached key reads cached answers, however stale, marked, for as long as is allowed', async () => {
    const key = edge.fake.key()
    await edge.get(path, key)
    edge.fake.state.down = true
    edge.advance(30)
    const kept = await edge.get(path, key)
    expect(kept.status).toBe(200)
    expect(kept.headers.get('edgewise-fallback')).toBe('core-unreachable')
    expect(kept.headers.get('cache-status')).toBe('Edgewise; hit; ttl=-10; detail=core-unreachable')
    expect((await edge.get('/v1/endpoints/other', key)).status).toBe(503)
    expect((await edge.get('/v1/events/a', key, {}, { method: 'POST', body: '{}' })).status).toBe(503)
    edge.advance(31)
    expect((await edge.get(path, key)).status).toBe(503)
    edge.fake.state.down = false
    edge.advance(2)
    expect((await edge.get(path, key)).status).toBe(200)
  })

  test('nothing is fetched for it: a question without a kept answer is refused', async () => {
    edge.fake.publish({ name: 'live' })
    const key = edge.fake.key()
    await edge.get('/v1/endpoints/live', key)
    const asked = edge.fake.state.calls.length
    const { watch } = edge.fake.core.config
    Object.assign(edge.fake.core.config, { watch: () => Promise.reject(new Error('gone')) })
    edge.advance(6)
    const refused = await edge.get('/v1/endpoints/live', key)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
    expect(edge.fake.state.calls).toHaveLength(asked)
    Object.assign(edge.fake.core.config, { watch })
    edge.advance(2)
    expect((await edge.get('/v1/endpoints/live', key)).status).toBe(200)
  })

  test('nothing is given where staleness is not allowed', async () => {
    edge = createEdge({ settings: { AUTH_STALE_SECONDS: 0 } })
    edge.fake.publish({ name: 'top', cache: { ttlSeconds: 20, staleIfErrorSeconds: 600 } })
    const key = edge.fake.key()
    await edge.get(path, key)
    edge.fake.state.down = true
    edge.advance(4)
    expect((await edge.get(path, key)).status).toBe(200)
    edge.advance(2)
    const response = await edge.get(path, key)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
  })
})

test('the feed is polled at most every two seconds, and not at all without requests', async () => {
  const key = edge.fake.key()
  for (let i = 0; i < 40; i++) {
    await edge.get(path, key)
    await edge.settled()
    edge.advance(0.25)
  }
  expect(edge.fake.state.polls).toBeLessThanOrEqual(5)
  edge.advance(3_600)
  expect(edge.fake.state.polls).toBeLessThanOrEqual(5)
})
