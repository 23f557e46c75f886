import { beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import { createEdge, type Edge, problemOf } from '../support.ts'

let edge: Edge
let key: string

beforeEach(() => {
  edge = createEdge()
  key = edge.fake.key()
  edge.fake.publish({
    name: 'top',
    cache: { ttlSeconds: 30, staleWhileRevalidateSeconds: 10, staleIfErrorSeconds: 300 },
    parameters: [
      { name: 'path', type: 'String' },
      { name: 'ids', type: 'Array(UInt64)' },
      { name: 'day', type: 'Date', defaultValue: '2026-01-01' },
    ],
  })
  edge.fake.publish({ name: 'live', parameters: [{ name: 'must', type: 'String', required: true }] })
})

describe('a question', () => {
  test('is a miss, then a hit with the same ETag, then 304', async () => {
    const first = await edge.get('/v1/endpoints/top?path=/a', key)
    expect(first.status).toBe(200)
    expect(first.headers.get('cache-status')).toBe('Edgewise; fwd=uri-miss; stored; ttl=30')
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^W\/"[\w-]{20}"$/)
    edge.advance(1)
    const second = await edge.get('/v1/endpoints/top?path=/a', key)
    expect(second.headers.get('cache-status')).toBe('Edgewise; hit; ttl=29')
    expect(second.headers.get('cache-control')).toBe(
      'private, max-age=29, stale-while-revalidate=10, stale-if-error=300',
    )
    expect(second.headers.get('etag')).toBe(etag)
    expect(await second.text()).toBe(await first.text())
    const third = await edge.get('/v1/endpoints/top?path=/a', key, { 'if-none-match': etag })
    expect(third.status).toBe(304)
    expect(await third.text()).toBe('')
    expect(edge.fake.state.calls).toHaveLength(1)
  })

  test('keeps its ETag when only the statistics of a later answer differ', async () => {
    const first = await edge.get('/v1/endpoints/top', key)
    edge.advance(400)
    const second = await edge.get('/v1/endpoints/top', key)
    expect(second.headers.get('cache-status')).toContain('fwd=')
    expect(await second.text()).not.toBe(await first.text())
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'))
  })

  test('every header of the long way is on the short way too', async () => {
    await edge.get('/v1/endpoints/top', key)
    const short = await edge.get('/v1/endpoints/top', key)
    const long = await edge.get('/v1/endpoints/top', key, { origin: 'https://elsewhere.test' })
    const names = (response: Response) =>
      [...response.headers.keys()].filter((name) => name !== 'content-length').sort()
    expect(names(short)).toEqual(names(long))
  })

  test('that is the same in another order of parameters shares the answer', async () => {
    await edge.get('/v1/endpoints/top?path=/a&day=2026-02-02', key)
    const other = await edge.get('/v1/endpoints/top?day=2026-02-02&path=%2Fa', key)
    expect(other.headers.get('cache-status')).toContain('hit')
  })

  test.each([
    ['another parameter', '/v1/endpoints/top?path=/b', {}],
    ['another time zone', '/v1/endpoints/top?path=/a&timezone=Europe/Berlin', {}],
    ['quoted integers', '/v1/endpoints/top?path=/a&int64=string', {}],
    ['another format', '/v1/endpoints/top.csv?path=/a', {}],
    ['another Accept', '/v1/endpoints/top?path=/a', { accept: 'text/csv' }],
  ])('with %s is another question', async (_what, path, headers) => {
    await edge.get('/v1/endpoints/top?path=/a', key)
    const other = await edge.get(path, key, headers)
    expect(other.headers.get('cache-status')).toContain('uri-miss')
    expect(edge.fake.state.calls).toHaveLength(2)
  })

  test('of an actor with other params or filters never gets the answer of another', async () => {
    const filtered = edge.fake.key({ filters: [{ stream: 'requests', column: 'host', values: ['a'] }] })
    const bound = edge.fake.key({ params: { day: '2026-03-03' } })
    const foreign = edge.fake.key({ workspace: 'other' })
    for (const one of [key, filtered, bound, foreign]) {
      const answered = await edge.get('/v1/endpoints/top', one)
      expect(answered.headers.get('cache-status')).toContain('uri-miss')
    }
    const twin = edge.fake.key({ filters: [{ stream: 'requests', column: 'host', values: ['a'] }] })
    expect((await edge.get('/v1/endpoints/top', twin)).headers.get('cache-status')).toContain('hit')
  })

  test('of an actor that sees personal data is never given to one that does not', async () => {
    const holding = (...scopes: string[]) => edge.fake.key({ scopes: ['endpoints:read', ...scopes] })
    const [all, one, none] = [holding('pii:read'), holding('pii:read:people'), holding()]
    for (const first of [all, one, none]) {
      expect((await edge.get('/v1/endpoints/top', first)).headers.get('cache-status')).toContain('uri-miss')
    }
    for (const again of [all, one, none, holding('pii:read', 'sql:read')]) {
      expect((await edge.get('/v1/endpoints/top', again)).headers.get('cache-status')).toContain('hit')
    }
  })

  test('reaches the core with the caller’s own credential', async () => {
    await edge.get('/v1/endpoints/top', key)
    expect(edge.fake.state.credentials).toEqual([`Bearer ${key}`])
  })

  test('takes arrays repeated, with commas, and as JSON, keeping every digit', async () => {
    await edge.get('/v1/endpoints/top?ids=1&ids=18446744073709551615', key)
    const commas = await edge.get('/v1/endpoints/top?ids=1,18446744073709551615', key)
    expect(commas.headers.get('cache-status')).toContain('hit')
    const init = { method: 'POST', body: '{"ids":[1,18446744073709551615]}' }
    const posted = await edge.get('/v1/endpoints/top', key, { 'content-type': 'application/json' }, init)
    expect(posted.headers.get('cache-status')).toContain('hit')
    expect(edge.fake.state.calls[0]?.params).toEqual({ ids: '["1","18446744073709551615"]' })
  })
})

describe('a wrong question', () => {
  test('with a mistyped parameter is 400 with the right name', async () => {
    const response = await edge.get('/v1/endpoints/top?pathh=/a', key)
    expect(response.status).toBe(400)
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ code: 'request.unknown_parameter', hint: 'Did you mean path?' })
    expect(problem.errors).toEqual([{ pointer: 'pathh', reason: 'unknown; did you mean path?' }])
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })

  test('without a required parameter is 400 and names it', async () => {
    const problem = await problemOf(await edge.get('/v1/endpoints/live', key))
    expect(problem).toMatchObject({ code: 'request.missing_parameter', errors: [{ pointer: 'must' }] })
  })

  test('that gives a parameter which the key binds is 403', async () => {
    const bound = edge.fake.key({ params: { path: '/mine' } })
    const response = await edge.get('/v1/endpoints/top?path=/yours', bound)
    expect(response.status).toBe(403)
    expect(await problemOf(response)).toMatchObject({ code: 'auth.bound_parameter' })
  })

  test.each([
    ['/v1/endpoints/top.xml', 406],
    ['/v1/endpoints/top?version=x', 400],
    ['/v1/endpoints/top?timezone=Nowhere/Land', 400],
    ['/v1/endpoints/top?path=a&path=b', 400],
    ['/v1/endpoints/nothing', 404],
    ['/v1/endpoints/TOP', 404],
  ])('%s is %i', async (path, status) => {
    expect((await edge.get(path, key)).status).toBe(status)
  })

  test('without the scope is refused also where the answer is cached', async () => {
    await edge.get('/v1/endpoints/top', key)
    const lacking = edge.fake.key({ scopes: ['endpoints:read:other', 'sql:read'] })
    expect((await edge.get('/v1/endpoints/top', lacking)).status).toBe(403)
    const narrowed = edge.fake.key({ scopes: ['endpoints:read:top'] })
    expect((await edge.get('/v1/endpoints/top', narrowed)).headers.get('cache-status')).toContain('hit')
  })
})

describe('an answer', () => {
  test('past its time is given once more while a new one is fetched', async () => {
    await edge.get('/v1/endpoints/top', key)
    edge.advance(35)
    const stale = await edge.get('/v1/endpoints/top', key)
    expect(stale.headers.get('cache-status')).toBe('Edgewise; hit; ttl=-5')
    await edge.settled()
    expect(edge.fake.state.calls).toHaveLength(2)
    expect((await edge.get('/v1/endpoints/top', key)).headers.get('cache-status')).toBe('Edgewise; hit; ttl=30')
  })

  test('stands in for an error, and says so, until its time for that is over', async () => {
    await edge.get('/v1/endpoints/top', key)
    edge.advance(60)
    await edge.get('/v1/endpoints/live?must=1', key)
    edge.fake.state.bug = true
    const kept = await edge.get('/v1/endpoints/top', key)
    expect(kept.status).toBe(200)
    expect(kept.headers.get('edgewise-fallback')).toBe('stale-if-error')
    expect(kept.headers.get('cache-status')).toBe('Edgewise; fwd=stale; ttl=-30; detail=stale-if-error')
    edge.advance(400)
    expect((await edge.get('/v1/endpoints/top', key)).status).toBe(500)
  })

  test('stands in for one that is slow to come, which is waited for once and not by everybody', async () => {
    await edge.get('/v1/endpoints/top', key)
    edge.advance(60)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    edge.fake.state.answer = async function* () {
      await held
      yield '{"data":["new"]}'
    }
    const began = performance.now()
    const patient = edge.get('/v1/endpoints/top', key)
    await expect.poll(() => edge.fake.state.calls.length, { interval: 5 }).toBe(2)
    const kept = await patient
    expect(performance.now() - began).toBeLessThan(3_000)
    expect(kept.status).toBe(200)
    expect(kept.headers.get('edgewise-fallback')).toBe('core-slow')
    expect(kept.headers.get('cache-status')).toBe('Edgewise; fwd=stale; ttl=-30; detail=core-slow')

    edge.advance(2)
    const at = performance.now()
    expect((await edge.get('/v1/endpoints/top', key)).headers.get('edgewise-fallback')).toBe('core-slow')
    expect(performance.now() - at).toBeLessThan(500)

    release()
    await edge.settled()
    const fresh = await edge.get('/v1/endpoints/top', key)
    expect(fresh.headers.get('cache-status')).toBe('Edgewise; hit; ttl=30')
    expect(await fresh.text()).toContain('new')
    expect(edge.fake.state.calls).toHaveLength(2)
  })

  test('is waited for where no older one may stand in', async () => {
    await edge.get('/v1/endpoints/top', key)
    edge.advance(400)
    edge.fake.state.answer = async function* () {
      await new Promise((resolve) => setTimeout(resolve, 2_200))
      yield '{"data":["new"]}'
    }
    const late = await edge.get('/v1/endpoints/top', key)
    expect(late.headers.get('edgewise-fallback')).toBe(null)
    expect(await late.text()).toContain('new')
  })

  test('that failed is never cached, and a failure before the first byte has its status', async () => {
    edge.fake.state.answer = async function* () {
      yield '{"data":['
      throw new Error('broke')
    }
    expect((await edge.get('/v1/endpoints/top', key)).status).toBe(500)
    expect(edge.logged).toHaveLength(1)
    edge.fake.state.answer = async function* () {
      yield '{}'
    }
    const good = await edge.get('/v1/endpoints/top', key)
    expect(good.headers.get('cache-status')).toContain('uri-miss')
  })

  test('larger than what is held back is streamed, not cached, and breaks where it fails', async () => {
    const part = new Uint8Array(300_000).fill(97)
    edge.fake.state.answer = async function* () {
      for (let i = 0; i < 10; i++) yield part
    }
    const large = await edge.get('/v1/endpoints/top', key)
    expect(large.headers.get('cache-status')).toBe('Edgewise; fwd=bypass')
    expect((await large.arrayBuffer()).byteLength).toBe(3_000_000)
    edge.fake.state.answer = async function* () {
      for (let i = 0; i < 5; i++) yield part
      throw new Error('broke')
    }
    const broken = await edge.get('/v1/endpoints/top', key)
    expect(broken.status).toBe(200)
    await expect(broken.arrayBuffer()).rejects.toThrow('broke')
  })

  test('of a re-published query is of the new version within five seconds', async () => {
    expect((await edge.get('/v1/endpoints/top', key)).headers.get('edgewise-query-version')).toBe('1')
    edge.advance(1)
    await edge.get('/v1/endpoints/top', key)
    edge.fake.publish({ name: 'top', version: 2, cache: { ttlSeconds: 30 } })
    edge.fake.changed(Change_Kind.QUERY, 'top')
    edge.advance(5)
    expect((await edge.get('/v1/endpoints/top', key)).headers.get('edgewise-query-version')).toBe('2')
  })

  test('is forgotten when the rows of a stream of its workspace were changed by hand', async () => {
    await edge.get('/v1/endpoints/top', key)
    await edge.get('/v1/endpoints/top', key)
    edge.fake.changed(Change_Kind.STREAM, 'requests')
    edge.advance(5)
    expect((await edge.get('/v1/endpoints/top', key)).headers.get('cache-status')).toContain('uri-miss')
  })

  test('is accounted for as a usage event', async () => {
    await edge.get('/v1/endpoints/top', key, { 'x-request-id': 'mine-1' })
    await edge.get('/v1/endpoints/top', key, { 'x-request-id': 'mine-2' })
    await edge.settled()
    expect(edge.fake.state.usage).toMatchObject([
      {
        workspace: 'main',
        requestId: 'mine-1',
        route: '/v1/endpoints/:name',
        resource: 'top',
        status: 200,
        cache: 'MISS',
        rowsRead: 7n,
        bytesRead: 70n,
      },
      {
        workspace: 'main',
        requestId: 'mine-2',
        route: '/v1/endpoints/:name',
        resource: 'top',
        status: 200,
        cache: 'HIT',
      },
    ])
  })
})

describe('identical questions at once', () => {
  test('share one call, and each may leave by itself', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    edge.fake.state.answer = async function* () {
      await held
      yield '{}'
    }
    const leaver = new AbortController()
    const first = edge.get('/v1/endpoints/top', key, {}, { signal: leaver.signal })
    const second = edge.get('/v1/endpoints/top', key)
    await new Promise((resolve) => setTimeout(resolve, 10))
    leaver.abort()
    expect((await first).status).toBe(499)
    release()
    expect((await second).status).toBe(200)
    expect(edge.fake.state.calls.filter(({ name }) => name === 'top')).toHaveLength(1)
    expect(edge.fake.state.aborted).toBe(0)
  })

  test('do not share the end of one caller’s plan', async () => {
    let asked = 0
    edge.fake.state.answer = async function* () {
      const first = asked++ === 0
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (first) throw new Failure('limit.cost', 'The plan is used up.', { retryAfterMs: 1_000 })
      yield '{}'
    }
    const asking = [key, edge.fake.key()].map((one) => edge.get('/v1/endpoints/top', one))
    expect((await Promise.all(asking)).map(({ status }) => status)).toEqual([429, 200])
  })

  test('stop costing anything when the last caller has left', async () => {
    edge.fake.state.answer = async function* (_call, signal) {
      await new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      })
      yield ''
    }
    const leaver = new AbortController()
    const leaving = [1, 2].map(() => edge.get('/v1/endpoints/top', key, {}, { signal: leaver.signal }))
    await new Promise((resolve) => setTimeout(resolve, 10))
    leaver.abort()
    await Promise.all(leaving)
    await edge.settled()
    expect(edge.fake.state.aborted).toBe(1)
  })
})
