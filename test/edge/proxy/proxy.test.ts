import { beforeEach, describe, expect, test } from 'vitest'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import { createEdge, createFakeCore, type Edge, problemOf } from '../support.ts'

let edge: Edge
let fake: ReturnType<typeof createFakeCore>
let key: string
/** What the upstream was asked, and what it does. */
let asked: { url: string; method: string; headers: Headers; body: string; trusted: boolean }[]
let upstream: (request: Request, count: number) => Response | Promise<Response>

const json = (value: unknown, headers: Record<string, string> = {}) => Response.json(value, { headers })

beforeEach(() => {
  fake = createFakeCore()
  asked = []
  upstream = (_, count) => json({ count })
  edge = createEdge({
    fake,
    async reach(trusted, request) {
      const { url, method, headers } = request
      asked.push({ url, method, headers, body: await request.clone().text(), trusted })
      return upstream(request, asked.length)
    },
  })
  key = fake.key({ scopes: ['routes:call'], subject: 'customer-7' })
  fake.route({ name: 'shop', path: '/shop', upstream: 'https://up.example/api' })
})

async function send(path: string, init: RequestInit & { key?: string | null; headers?: Record<string, string> } = {}) {
  const { key: by = key, headers, ...rest } = init
  const response = await edge.get(path, by ?? undefined, headers, rest)
  return { status: response.status, headers: response.headers, text: await response.clone().text(), response }
}

describe.each(['the first request', 'a repeated one'])('%s through a route', (which) => {
  beforeEach(async () => {
    if (which === 'a repeated one') await send('/r/main/shop/warm')
    asked.length = 0
  })

  test('is the upstream’s to answer, and the caller’s is said and its credential not', async () => {
    upstream = () => json({ ok: 1 }, { 'x-own': '1', 'set-cookie': 'a=b' })
    const answer = await send('/r/main/shop/items?page=2', { headers: { 'x-mine': '1' } })
    expect(answer).toMatchObject({ status: 200, text: '{"ok":1}' })
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-own': '1',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String),
      ratelimit: expect.stringContaining('"default";r='),
      'ratelimit-policy': '"default";q=1000;w=60',
    })
    expect(answer.headers.has('set-cookie')).toBe(false)
    const [request] = asked
    expect(request).toMatchObject({ url: 'https://up.example/api/items?page=2', method: 'GET', trusted: true })
    expect(request?.headers.get('x-mine')).toBe('1')
    expect(request?.headers.get('authorization')).toBeNull()
    expect(request?.headers.get('edgewise-subject')).toBe('customer-7')
    expect(request?.headers.get('x-request-id')).toBe(answer.headers.get('x-request-id'))
    await edge.settled()
    expect(fake.state.usage.at(-1)).toMatchObject({ resource: 'shop', status: 200 })
  })

  test('is charged, and refused at the end of the plan', async () => {
    const poor = fake.key({ scopes: ['routes:call'], plan: { name: 'poor', requests: 2, windowSeconds: 60 } })
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push((await send('/r/main/shop', { key: poor })).status)
    expect(statuses).toEqual([200, 200, 429, 429])
  })

  test('of a method that it does not take is refused', async () => {
    fake.route({ name: 'shop', path: '/shop', methods: ['GET'] })
    fake.changed(Change_Kind.ROUTE, 'shop')
    edge.advance(6)
    expect((await send('/r/main/shop', { method: 'POST', body: 'x' })).status).toBe(405)
    expect((await send('/r/main/shop', { method: 'HEAD' })).status).toBe(200)
  })

  test('with a body that has no meaning loses it', async () => {
    // As the runtime gives it; Request itself lets no GET have one.
    const headers = { 'content-length': '4' }
    expect((await send('/r/main/shop', { headers })).status).toBe(200)
    expect(asked[0]).toMatchObject({ method: 'GET', body: '' })
    expect(asked[0]?.headers.get('content-length')).toBeNull()
  })

  test('whose path can be read in two ways is refused', async () => {
    const answer = await send('/r/main/shop/..%2fadmin')
    expect(answer.status).toBe(400)
    expect(asked).toEqual([])
  })

  test('is refused where the route ended, within five seconds', async () => {
    fake.route({ name: 'shop', path: '/elsewhere' })
    fake.changed(Change_Kind.ROUTE, 'shop')
    edge.advance(6)
    expect((await send('/r/main/shop')).status).toBe(404)
    expect(asked).toEqual([])
  })
})

describe('who may not', () => {
  test('is told nothing of the routes that there are', async () => {
    const foreign = fake.key({ workspace: 'other', scopes: ['routes:call'] })
    const powerless = fake.key({ scopes: ['sql:read'] })
    const narrow = fake.key({ scopes: ['routes:call:other'] })
    const refusal = async (path: string, by: string | null) => {
      const { status, response } = await send(path, { key: by })
      return [status, (await problemOf(response)).code]
    }
    for (const path of ['/r/main/shop', '/r/main/nothing', '/r/other/shop', '/r/nobody/x']) {
      expect(await refusal(path, null)).toEqual([401, 'auth.missing'])
      expect(await refusal(path, 'ew_nonsense')).toEqual([401, 'auth.invalid'])
      expect(await refusal(path, foreign)).toEqual([404, 'resource.not_found'])
    }
    expect(await refusal('/r/main/shop', powerless)).toEqual([403, 'auth.scope'])
    expect(await refusal('/r/main/shop', narrow)).toEqual([403, 'auth.scope'])
    expect(asked).toEqual([])
  })

  test('asks the core for workspaces of chance only so often', async () => {
    const statuses = new Set()
    for (let i = 0; i < 310; i++) statuses.add((await send(`/r/w${i}/x`, { key: null })).status)
    expect(statuses).toEqual(new Set([401, 429]))
    expect(fake.state.gatewaysAsked).toBeLessThanOrEqual(300)
  })
})

describe('a public route', () => {
  beforeEach(() => fake.route({ name: 'open', path: '/open', public: true }))

  test('asks for no credential, and passes none on', async () => {
    const answer = await send('/r/main/open', { headers: { origin: 'https://anywhere.example', cookie: 'a=b' } })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://anywhere.example')
    expect(asked[0]?.headers.get('authorization')).toBeNull()
    expect(asked[0]?.headers.get('cookie')).toBeNull()
    expect(asked[0]?.headers.get('edgewise-actor')).toBe('anonymous')
  })

  test('has a limit for each network', async () => {
    fake.route({ name: 'open', path: '/open', public: true, limit: { requests: 2, windowSeconds: 60 } })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await send('/r/main/open', { key: null })).status)
    expect(statuses).toEqual([200, 200, 429])
  })
})

describe('a service that fails', () => {
  test('is asked again where that is safe', async () => {
    upstream = (_, count) => (count < 3 ? new Response('not now', { status: 503 }) : json({ count }))
    expect(await send('/r/main/shop')).toMatchObject({ status: 200, text: '{"count":3}' })
    asked.length = 0
    upstream = (_, count) => {
      if (count < 2) throw new TypeError('connection refused')
      return json({ count })
    }
    const put = { method: 'PUT', body: 'all of it', headers: { 'content-length': '9' } }
    expect(await send('/r/main/shop', put)).toMatchObject({ status: 200 })
    expect(asked.map(({ body }) => body)).toEqual(['all of it', 'all of it'])
    asked.length = 0
    expect(
      (await send('/r/main/shop', { method: 'POST', body: 'once', headers: { 'content-length': '4' } })).status,
    ).toBe(502)
    expect(asked.map(({ method, body }) => [method, body])).toEqual([['POST', 'once']])
  })

  test('answers for itself at the end, and is not asked again where it says when', async () => {
    upstream = () => new Response('not now', { status: 503 })
    expect(await send('/r/main/shop')).toMatchObject({ status: 503, text: 'not now' })
    expect(asked).toHaveLength(3)
    asked.length = 0
    upstream = () => new Response('later', { status: 503, headers: { 'retry-after': '7' } })
    const answer = await send('/r/main/shop')
    expect(answer.headers.get('retry-after')).toBe('7')
    expect(asked).toHaveLength(1)
  })

  test('is left alone for a while, and then tried by one request', async () => {
    fake.route({ name: 'shop', path: '/shop', retries: 0 })
    upstream = () => Promise.reject(new TypeError('connection refused'))
    const codes = []
    for (let i = 0; i < 7; i++) codes.push((await problemOf((await send('/r/main/shop')).response)).code)
    expect(codes).toEqual([...Array<string>(5).fill('upstream.failed'), 'upstream.unavailable', 'upstream.unavailable'])
    expect(asked).toHaveLength(5)
    // Another route is none of its business.
    fake.route({ name: 'other', path: '/other' })
    fake.changed(Change_Kind.ROUTE, 'other')
    upstream = () => json({})
    edge.advance(1.5)
    expect((await send('/r/main/shop')).status).toBe(200)
    expect((await send('/r/main/shop')).status).toBe(200)
  })

  test('has only so long', async () => {
    fake.route({ name: 'shop', path: '/shop', timeoutMs: 1_000 })
    upstream = () => {
      edge.advance(2)
      return new Promise(() => undefined)
    }
    const { response, status } = await send('/r/main/shop')
    expect(status).toBe(504)
    expect(await problemOf(response)).toMatchObject({ code: 'upstream.timeout' })
    expect(asked).toHaveLength(1)
  })

  test('is not asked where the operator does not allow it any more', async () => {
    fake.route({ name: 'shop', path: '/shop', disabled: 'Its host is not allowed.' })
    const { response } = await send('/r/main/shop')
    expect(await problemOf(response)).toMatchObject({
      code: 'upstream.unavailable',
      detail: 'Its host is not allowed.',
    })
    expect(asked).toEqual([])
  })
})

describe('a route that keeps answers', () => {
  beforeEach(() =>
    fake.route({
      name: 'shop',
      path: '/shop',
      cache: { ttlSeconds: 10, staleWhileRevalidateSeconds: 10, staleIfErrorSeconds: 60 },
    }),
  )

  test('gives them for their time, then while a new one comes, then where none comes', async () => {
    const first = await send('/r/main/shop')
    expect(first.headers.get('cache-status')).toMatch('stored')
    edge.advance(5)
    const second = await send('/r/main/shop')
    expect(second.text).toBe(first.text)
    expect(second.headers.get('cache-status')).toMatch('Edgewise; hit')
    expect(second.headers.get('age')).toBe('5')
    edge.advance(7)
    expect((await send('/r/main/shop')).text).toBe(first.text)
    await edge.settled()
    expect((await send('/r/main/shop')).text).toBe('{"count":2}')
    edge.advance(30)
    upstream = () => Promise.reject(new TypeError('gone'))
    const stale = await send('/r/main/shop')
    expect(stale).toMatchObject({ status: 200, text: '{"count":2}' })
    expect(stale.headers.get('edgewise-fallback')).toBe('stale-if-error')
  })

  test('gives each caller its own, unless the answer is for all', async () => {
    const other = fake.key({ scopes: ['routes:call'], subject: 'customer-8' })
    upstream = (request) => json({ of: request.headers.get('edgewise-subject') })
    expect((await send('/r/main/shop/me')).text).toBe('{"of":"customer-7"}')
    expect((await send('/r/main/shop/me', { key: other })).text).toBe('{"of":"customer-8"}')
    expect((await send('/r/main/shop/me')).headers.get('cache-status')).toMatch('hit')
    upstream = () => json({ of: 'all' }, { 'cache-control': 'public, max-age=5' })
    await send('/r/main/shop/all')
    expect((await send('/r/main/shop/all', { key: other })).headers.get('cache-status')).toMatch('hit')
  })

  test('keeps nothing that says it may not be, and streams it', async () => {
    const forbidding: Record<string, string>[] = [
      { 'cache-control': 'no-store' },
      { 'set-cookie': 'a=b' },
      { vary: 'user-agent' },
    ]
    for (const headers of forbidding) {
      upstream = (_, count) => json({ count }, headers)
      const [one, two] = [await send('/r/main/shop/no'), await send('/r/main/shop/no')]
      expect(two.text).not.toBe(one.text)
      expect(two.headers.get('cache-status')).toBe('Edgewise; fwd=bypass')
    }
    upstream = () => new Response('x'.repeat(3 << 20))
    expect((await send('/r/main/shop/large')).text).toHaveLength(3 << 20)
  })

  test('answers whether it changed by itself', async () => {
    upstream = () => json({ same: 1 }, { etag: '"v1"' })
    await send('/r/main/shop')
    expect((await send('/r/main/shop', { headers: { 'if-none-match': '"v1"' } })).status).toBe(304)
    expect(asked).toHaveLength(1)
    expect(asked[0]?.headers.get('if-none-match')).toBeNull()
  })

  test('asks once for all who ask the same at once', async () => {
    let go = (): void => undefined
    upstream = () => new Promise((resolve) => (go = () => resolve(json({}))))
    const answers = [send('/r/main/shop'), send('/r/main/shop'), send('/r/main/shop')]
    await new Promise((resolve) => setTimeout(resolve, 20))
    go()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(asked).toHaveLength(1)
  })

  test('gives what it has while the core is gone, and asks for nothing', async () => {
    await send('/r/main/shop')
    fake.state.down = true
    edge.advance(30)
    const kept = await send('/r/main/shop')
    expect(kept).toMatchObject({ status: 200 })
    expect(kept.headers.get('edgewise-fallback')).toBe('core-unreachable')
    expect((await send('/r/main/shop/other')).status).toBe(503)
    expect(asked).toHaveLength(1)
  })
})
