import { beforeEach, describe, expect, test } from 'vitest'
import { problems } from '#mesh/errors.ts'
import { createEdge, type Edge, problemOf, settings } from '../support.ts'

let edge: Edge
let key: string

beforeEach(() => {
  edge = createEdge()
  key = edge.fake.key({ corsOrigins: ['https://app.test'] })
  edge.fake.publish({ name: 'top', cache: { ttlSeconds: 600 } })
})

describe('events', () => {
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    edge.get(path, key, { 'content-type': 'application/x-ndjson', ...headers }, { method: 'POST', body })

  test('are forwarded byte for byte, with what the client said of them', async () => {
    const body = '{"n":18446744073709551615}\n{"n": 1.10}\n'
    const response = await post('/v1/events/orders?strict=true', body, { 'idempotency-key': 'once' })
    expect(response.status).toBe(202)
    expect(await response.json()).toEqual({
      accepted: 2,
      quarantined: 0,
      errors: [],
      offsets: [{ partition: 1, offset: 7 }],
    })
    const [sent] = edge.fake.state.events
    expect(new TextDecoder().decode(sent?.body)).toBe(body)
    expect(sent).toMatchObject({
      stream: 'orders',
      contentType: 'application/x-ndjson',
      idempotencyKey: 'once',
      strict: true,
    })
  })

  test('that can be queried already are 200', async () => {
    expect((await post('/v1/events/orders?wait=true', '{}')).status).toBe(200)
  })

  test.each([
    ['/v1/events/orders?wiat=true', 'request.unknown_parameter', 'Did you mean wait?'],
    ['/v1/events/orders?wait=yes', 'request.invalid', undefined],
    ['/v1/events/Orders', 'request.invalid', undefined],
  ])('%s is refused as %s', async (path, code, hint) => {
    const response = await post(path, '{}')
    expect(response.status).toBe(400)
    expect(await problemOf(response)).toMatchObject({ code, ...(hint !== undefined && { hint }) })
  })

  test('larger than allowed are 413', async () => {
    const response = await post('/v1/events/orders', 'x'.repeat((1 << 20) + 1))
    expect(response.status).toBe(413)
    expect(edge.fake.state.events).toHaveLength(0)
  })
})

describe('what is not there', () => {
  test('is 404 as a problem', async () => {
    const response = await edge.get('/nothing', key)
    expect(response.status).toBe(404)
    expect(await problemOf(response)).toMatchObject({ code: 'request.route' })
  })

  test('as a method is 405 and names those that are', async () => {
    const response = await edge.get('/v1/streams/orders', key, {}, { method: 'POST' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, PUT, DELETE, HEAD')
  })

  test('of the core arrives opaquely when it is a bug, and is logged with the request id', async () => {
    edge.fake.state.bug = true
    const response = await edge.get('/v1/endpoints/top', key, { 'x-request-id': 'find-me' })
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('a bug')
    expect(edge.logged).toMatchObject([{ request_id: 'find-me' }])
    expect(JSON.stringify(edge.logged)).not.toContain(key)
  })
})

describe('a request id', () => {
  test('is returned as it came if it can be logged, else replaced', async () => {
    const given = await edge.get('/health/live', undefined, { 'x-request-id': 'abc-123' })
    expect(given.headers.get('x-request-id')).toBe('abc-123')
    for (const bad of ['a b', 'x'.repeat(65), '<script>']) {
      const replaced = await edge.get('/health/live', undefined, { 'x-request-id': bad })
      expect(replaced.headers.get('x-request-id')).toMatch(/^req_[\da-z]+$/)
    }
  })

  test('is also in the problem', async () => {
    const response = await edge.get('/nothing', key, { 'x-request-id': 'abc' })
    expect(await response.json()).toMatchObject({ request_id: 'abc' })
  })
})

describe('browsers', () => {
  test('of an allowed origin may read the answer and its headers', async () => {
    const response = await edge.get('/v1/endpoints/top', key, { origin: 'https://app.test' })
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.test')
    expect(response.headers.get('access-control-expose-headers')).toContain('Cache-Status')
    expect(response.headers.get('vary')).toContain('Origin')
  })

  test('of another origin may not, also where the answer is cached', async () => {
    await edge.get('/v1/endpoints/top', key, { origin: 'https://app.test' })
    const response = await edge.get('/v1/endpoints/top', key, { origin: 'https://evil.test' })
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
  })

  test('may ask before, without a credential', async () => {
    const response = await edge.get(
      '/v1/events/orders',
      undefined,
      { origin: 'https://app.test', 'access-control-request-method': 'POST' },
      { method: 'OPTIONS' },
    )
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toContain('Idempotency-Key')
    expect(response.headers.has('access-control-allow-credentials')).toBe(false)
  })
})

describe('operations', () => {
  test('health says whether it lives and whether the core answers', async () => {
    expect((await edge.get('/health/live')).status).toBe(200)
    expect((await edge.get('/health/ready')).status).toBe(200)
    edge.fake.state.down = true
    edge.advance(6)
    expect((await edge.get('/health/ready')).status).toBe(503)
    expect((await edge.get('/health/live')).status).toBe(200)
  })

  test('metrics are not there without their token', async () => {
    expect((await edge.get('/metrics')).status).toBe(404)
    expect((await edge.get('/metrics', key)).status).toBe(404)
    await edge.get('/v1/endpoints/top', key)
    const text = await (await edge.get('/metrics', settings.METRICS_TOKEN)).text()
    expect(text).toContain(
      'edgewise_requests_total{method="GET",route="/v1/endpoints/:name",status="200",cache="MISS"} 1',
    )
    expect(text).toContain('edgewise_strangers_total 0')
    expect(text).toContain('edgewise_core_breaker_open{service="query"} 0')
  })

  test('a service of the core that does not answer is said by health and metrics', async () => {
    const { query } = edge.fake.breakers
    for (let i = 0; i < 5; i++) query.enter(0, 0).leave({ lost: true })
    const ready = await edge.get('/health/ready')
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ok', failing: ['query'] }])
    const text = await (await edge.get('/metrics', settings.METRICS_TOKEN)).text()
    expect(text).toContain('edgewise_core_breaker_open{service="query"} 1')
    expect(text).toContain('edgewise_core_calls_refused_total{service="query"} 0')
  })

  test('strangers are counted and leave no usage event', async () => {
    await edge.get('/v1/streams')
    await edge.get('/v1/streams', 'ew_nonsense')
    await edge.settled()
    expect(edge.fake.state.usage).toEqual([])
    expect(await (await edge.get('/metrics', settings.METRICS_TOKEN)).text()).toContain('edgewise_strangers_total 2')
  })

  test('usage that the core does not take now is sent later', async () => {
    edge.fake.state.usageDown = true
    await edge.get('/v1/endpoints/top', key)
    await edge.settled()
    expect(edge.fake.state.usage).toHaveLength(0)
    edge.fake.state.usageDown = false
    await edge.get('/v1/endpoints/top', key)
    await edge.settled()
    expect(edge.fake.state.usage).toHaveLength(2)
  })
})

describe('the description of the API', () => {
  test('has every route but those that are about the gateway itself', async () => {
    const document: { paths: Record<string, object> } = await (await edge.get('/openapi.json')).json()
    const described = new Set(
      Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
      ),
    )
    const others = edge.routes.map(({ method, path }) => `${method} ${path.replaceAll(/\{[^}]*\}/g, '')}`)
    expect([...new Set(others)].filter((route) => !described.has(route)).sort()).toEqual([
      'GET /.well-known/jwks.json',
      'GET /.well-known/oauth-authorization-server',
      'GET /.well-known/openid-configuration',
      // As `/clickhouse`.
      'GET /clickhouse/',
      'GET /clickhouse/ping',
      'GET /docs',
      'GET /health/live',
      'GET /health/ready',
      // With a token of its own.
      'GET /metrics',
      'GET /openapi.json',
      'GET /problems/:code',
      'GET /v2',
      'GET /v2/health/live',
      'GET /v2/health/ready',
      'POST /',
      'POST /clickhouse/',
    ])
  })

  test('is OpenAPI 3.1 and has every public resource', async () => {
    const document: { openapi: string; paths: Record<string, object> } = await (await edge.get('/openapi.json')).json()
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths).sort()).toEqual([
      '/clickhouse',
      '/kafka/commit/{group}/{instance}',
      '/kafka/committed/{group}/{instance}',
      '/kafka/consume/{group}/{instance}',
      '/kafka/consume/{group}/{instance}/{topic}',
      '/kafka/consumers',
      '/kafka/delete-consumer/{group}/{instance}',
      '/kafka/fetch',
      '/kafka/offsets/{timestamp}',
      '/kafka/produce',
      '/kafka/produce/{topic}',
      '/kafka/produce/{topic}/{value}',
      '/kafka/topics',
      '/redis',
      '/redis/multi-exec',
      '/redis/pipeline',
      '/redis/{command}',
      '/v1/audit',
      '/v1/audit/export',
      '/v1/documents/{collection}',
      '/v1/documents/{collection}/import',
      '/v1/documents/{collection}/{document}',
      '/v1/endpoints/{name}',
      '/v1/events/{stream}',
      '/v1/issuers',
      '/v1/issuers/{name}',
      '/v1/items',
      '/v1/items/import',
      '/v1/items/{item}',
      '/v1/jobs/{id}',
      '/v1/keys',
      '/v1/keys/verify',
      '/v1/keys/{id}',
      '/v1/keys/{id}/reroll',
      '/v1/limits',
      '/v1/limits/{name}',
      '/v1/models',
      '/v1/models/{name}',
      '/v1/models/{name}/card',
      '/v1/models/{name}/predict',
      '/v1/models/{name}/versions',
      '/v1/models/{name}/versions/{version}',
      '/v1/openapi.json',
      '/v1/products',
      '/v1/products/import',
      '/v1/products/{sku}',
      '/v1/quarantine/{stream}',
      '/v1/quarantine/{stream}/discard',
      '/v1/quarantine/{stream}/replay',
      '/v1/queries',
      '/v1/queries/{name}',
      '/v1/queries/{name}/versions',
      '/v1/roles',
      '/v1/roles/{name}',
      '/v1/routes',
      '/v1/routes/{name}',
      '/v1/sessions',
      '/v1/sessions/callback',
      '/v1/sessions/current',
      '/v1/sessions/sign-in',
      '/v1/sessions/{id}',
      '/v1/sql',
      '/v1/streams',
      '/v1/streams/{name}',
      '/v1/streams/{name}/replay',
      '/v1/streams/{name}/rows',
      '/v1/streams/{name}/truncate',
      '/v1/token',
      '/v1/topics/{name}',
      '/v1/usage',
      '/v1/users',
      '/v1/users/accept',
      '/v1/users/me/password',
      '/v1/users/me/totp',
      '/v1/users/me/totp/remove',
      '/v1/users/{id}',
      '/v1/workspaces',
      '/v1/workspaces/{name}',
      '/v2/models/{name}',
      '/v2/models/{name}/infer',
      '/v2/models/{name}/ready',
      '/v2/models/{name}/versions/{version}',
      '/v2/models/{name}/versions/{version}/infer',
      '/v2/models/{name}/versions/{version}/ready',
    ])
  })

  test('is a page that runs no script', async () => {
    const response = await edge.get('/docs')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await response.text()).toContain('/v1/endpoints/{name}')
  })

  test('has a page for every problem', async () => {
    for (const code of Object.keys(problems)) expect((await edge.get(`/problems/${code}`)).status).toBe(200)
    expect((await edge.get('/problems/none')).status).toBe(404)
  })

  test('answers HEAD like GET without a body', async () => {
    const response = await edge.get('/v1/endpoints/top', key, {}, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('etag')).toMatch(/^W/)
    expect(await response.text()).toBe('')
  })
})
