import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '@bufbuild/protobuf'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import { CatalogService } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { GatewayService } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { KafkaService } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { RedisService } from '#proto/edgewise/redis/v1/redis_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { GRPCInferenceService } from '#proto/inference/inference_pb.ts'
import { builtInRoles } from '#mesh/scopes.ts'
import { connectBare } from '../support/bare-grpc.ts'
import { type Product, startProduct } from '../support/product.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { ask, must, newKey, trained } from './ask.ts'

/**
 * Every route and every RPC that there is × every credential that must not open it. Both lists are made from what is
 * served (and test/edge/routes/api.test.ts holds that every route is described), so that a new one is tried without
 * anybody thinking of it: whatever is open to all is named here.
 */
const openToAll = new Set([
  'POST /v1/sessions',
  'GET /v1/sessions/sign-in',
  'GET /v1/sessions/callback',
  'POST /v1/token',
  'POST /v1/users/accept',
])
/** Whoever is somebody may ask these, about themselves or what they may see of the workspace. */
const openToAnybody = new Set([
  'GET /v1/sessions',
  'GET /v1/sessions/current',
  'GET /v1/openapi.json',
  'GET /v1/streams',
  'GET /v1/usage',
])

/** What would do something, were it allowed. Those that are absent need no body. */
const bodies: Readonly<Record<string, { readonly json?: unknown; readonly body?: string }>> = {
  'POST /v1/events/:stream': { body: '{"time":"2026-10-11T10:00:00Z","n":1}' },
  'POST /v1/endpoints/:name': { json: {} },
  'POST /v1/sql': { json: { query: 'SELECT count() AS n FROM orders' } },
  'POST /clickhouse': { body: 'SELECT count() AS n FROM orders' },
  'POST /': { body: 'SELECT count() AS n FROM orders' },
  'PUT /v1/queries/:name': { json: { sql: 'SELECT 2 AS n' } },
  'PUT /v1/streams/:name': {
    json: {
      columns: [
        { name: 'time', type: 'DateTime64(3)' },
        { name: 'n', type: 'Int64' },
      ],
    },
  },
  'POST /v1/streams/:name/replay': { json: {} },
  'POST /v1/quarantine/:stream/replay': { json: { rows: [{ id: '0-0' }] } },
  'POST /v1/quarantine/:stream/discard': { json: { ids: ['0-0'] } },
  'POST /v1/keys': { json: { name: 'x', scopes: ['sql:read'] } },
  'POST /v1/keys/verify': { json: { key: 'ew_x' } },
  'POST /v1/keys/:id/reroll': { json: {} },
  'POST /v1/workspaces': { json: { name: 'sneaked_in' } },
  'PATCH /v1/workspaces/:name': { json: { cors_origins: ['*'] } },
  'PUT /v1/issuers/:name': {
    json: { issuer: 'https://id.example.com', audiences: ['x'], rules: [{ roles: ['owner'] }] },
  },
  'POST /v1/users': { json: { email: 'x@example.com', roles: ['owner'] } },
  'PATCH /v1/users/:id': { json: { roles: ['owner'] } },
  'PUT /v1/users/me/password': { json: { password: 'x', new_password: 'correct horse battery' } },
  'PUT /v1/users/me/totp': { json: { code: '000000' } },
  'POST /v1/users/me/totp/remove': { json: { code: '000000' } },
  'PUT /v1/roles/:name': { json: { scopes: ['sql:read'] } },
  'PUT /v1/routes/:name': { json: { path: '/sneaked', upstream: 'https://allowed.example' } },
  'PUT /v1/limits/:name': { json: { requests: 1 } },
  'POST /v1/limits/:name': { json: { subject: 'x' } },
  'POST /kafka/produce': { json: { topic: 'emails', value: 'x' } },
  'POST /kafka/produce/:topic': { json: { value: 'x' } },
  'POST /kafka/fetch': { json: { topic: 'emails', partition: 0, offset: 0, timeout: 0 } },
  'POST /kafka/consume/:group/:instance': { json: { topic: 'emails', timeout: 0 } },
  'POST /kafka/commit/:group/:instance': { json: { topic: 'emails', partition: 0, offset: 0 } },
  'POST /kafka/committed/:group/:instance': { json: { topic: 'emails', partition: 0 } },
  'POST /kafka/offsets/:timestamp': { json: { topic: 'emails', partition: 0 } },
  'POST /v1/models/:name/predict': { json: { n: 1 } },
  'POST /redis': { json: ['SET', 'k', 'sneaked'] },
  'POST /redis/pipeline': {
    json: [
      ['SET', 'k', 'sneaked'],
      ['GET', 'k'],
    ],
  },
  'POST /redis/multi-exec': { json: [['SET', 'k', 'sneaked']] },
  'POST /redis/:command': { body: 'sneaked' },
  'PUT /v1/products/:sku': { json: { name: 'Sneaked in' } },
  'PUT /v1/items/:item': { json: { title: 'Sneaked in' } },
  'PUT /v1/documents/:collection/:document': { json: { document: {} } },
  'POST /v1/products/import': { body: '{"sku":"sneaked","name":"Sneaked in"}' },
  'POST /v1/items/import': { body: '{"id":"sneaked","title":"Sneaked in"}' },
  'POST /v1/documents/:collection/import': { body: '{"id":"sneaked","document":{}}' },
  'POST /v2/models/:name/infer': { json: { inputs: [{ name: 'n', datatype: 'FP32', shape: [1, 1], data: [1] }] } },
}

/** Where a name alone does not do. */
const searches: Readonly<Record<string, string>> = {
  'DELETE /v1/streams/:name/rows': '?where=1%3D1',
  'GET /v1/sql': '?q=SELECT%20count()%20FROM%20orders',
  'GET /clickhouse': '?query=SELECT%20count()%20FROM%20orders',
}

const services = [
  IdentityService,
  TokenService,
  UserService,
  AuditService,
  CatalogService,
  ConfigService,
  GatewayService,
  IngestService,
  KafkaService,
  ModelService,
  QueryService,
  RedisService,
  GRPCInferenceService,
]
const openRpcs = new Set(['IssueToken', 'AcceptInvitation'])
/** What health is asked by: whoever sends no credential is told, and whoever sends a wrong one is not. */
const healthRpcs = new Set(['ServerLive', 'ServerReady', 'ServerMetadata'])
/** What would be answered, were it allowed. Those that are absent are asked with nothing. */
const requests: Readonly<Record<string, JsonObject>> = {
  GetEntry: { resource: 'RESOURCE_DOCUMENTS', collection: 'reviews', id: 'tea' },
  Fetch: { offsets: [{ topic: 'letters' }] },
  Consume: { group: 'readers', instance: 'one', topics: ['letters'], sessionTimeoutMs: 1_000 },
  GetModel: { name: 'pays' },
  GetVersion: { name: 'pays' },
  Predict: { name: 'pays', rows: ['{"n":1}'] },
  GetServing: { name: 'pays' },
  GetSignature: { name: 'pays' },
  ModelReady: { name: 'pays' },
  ModelMetadata: { name: 'pays' },
  ModelInfer: {
    modelName: 'pays',
    inputs: [{ name: 'n', datatype: 'FP32', shape: [1, 1], contents: { fp32Contents: [1] } }],
  },
}

/** What has nothing of anybody else's to answer. */
const others: Readonly<Record<string, JsonObject>> = { RunCommands: { commands: [{ args: ['R0VU', 'aw=='] }] } }

let provider: Provider
let product: Product
let routes: readonly { readonly method: string; readonly path: string }[]
/** Ids of this workspace. */
let mine: { readonly key: string; readonly user: string; readonly job: string }
/** By what they are; all of them are nobody. */
let nobodies: ReadonlyMap<string, string | null>
/** An administrator of another workspace. */
let stranger: string

beforeAll(async () => {
  provider = await startProvider()
  product = await startProduct({ env: { OUTBOUND_ALLOW: provider.host, UPSTREAM_ALLOW: 'allowed.example' } })
  const { json: described } = await ask<{ paths: Record<string, object> }>(product, '/openapi.json', { key: null })
  routes = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => /^(get|put|post|patch|delete)$/.test(method))
      .map((method) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{(\w+)\}/g, ':$1') })),
  )
  // What is behind a route is not described here, and guarded as all else.
  routes = [...routes, ...['GET', 'POST', 'DELETE'].map((method) => ({ method, path: '/r/main/items' }))]
  // As `/clickhouse`.
  routes = [...routes, { method: 'POST', path: '/' }]
  await must(product, '/v1/events/orders?wait=true', { body: '{"time":"2026-10-11T10:00:00Z","n":1}' })
  await must(product, '/kafka/produce', { json: ['emails', 'letters'].map((topic) => ({ topic, value: 'secret' })) })
  await must(product, '/v1/queries/how_many', { method: 'PUT', json: { sql: 'SELECT count() AS n FROM orders' } })
  const rules = [{ claim: 'groups', value: 'admins', roles: ['owner'] }]
  const issuer = { issuer: provider.issuer, audiences: ['edgewise'], rules }
  await must(product, '/v1/issuers/okta', { method: 'PUT', json: issuer })
  await must(product, '/v1/routes/shop', { method: 'PUT', json: { path: '/', upstream: 'https://allowed.example' } })
  await must(product, '/redis/set/k/mine')
  await must(product, '/v1/limits/sends', { method: 'PUT', json: { requests: 1 } })
  await must(product, '/v1/roles/reader', { method: 'PUT', json: { scopes: ['sql:read'] } })
  await must(product, '/v1/products/tea', { method: 'PUT', json: { name: 'Tea' } })
  await must(product, '/v1/items/tea', { method: 'PUT', json: { title: 'Tea' } })
  await must(product, '/v1/documents/reviews/tea', { method: 'PUT', json: { document: { secret: 'pays' } } })
  const user = await must<{ id: string }>(product, '/v1/users', { json: { email: 'a@example.com', roles: ['viewer'] } })
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
  stranger = made.json.key.key
  const rows = Array.from(
    { length: 300 },
    (_, n) => `{"n":${n % 29},"pays":"${(n % 29) + ((n * 37) % 23) > 24 ? 'yes' : 'no'}"}`,
  )
  await must(product, '/v1/events/bills?wait=true', { body: rows.join('\n') })
  const job = await trained(product, 'CREATE MODEL pays FROM (SELECT n, pays FROM bills) PREDICT pays')
  mine = { job, key: (await newKey(product, { scopes: ['endpoints:read'] })).id, user: user.json.id }

  const soon = new Date(Date.now() + 1_000).toISOString()
  const expired = await newKey(product, { scopes: ['sql:read', 'keys:admin'], expires_at: soon })
  const revoked = await newKey(product, { scopes: ['sql:read', 'keys:admin'] })
  const { json: ended } = await must<{ access_token: string }>(product, '/v1/token', {
    key: revoked.key,
    json: { grant_type: 'client_credentials' },
  })
  await must(product, `/v1/keys/${revoked.id}`, { method: 'DELETE' })
  const admins = { groups: ['admins'] }
  const claims = { iss: provider.issuer, aud: 'edgewise', sub: 'eve', ...admins }
  const byPublicKey = new TextEncoder().encode(JSON.stringify(provider.state.keys[0]))
  nobodies = new Map<string, string | null>([
    ['no credential', null],
    ['something', 'nonsense'],
    ['a key that was never made', `ew_${'0'.repeat(38)}`],
    ['an expired key', expired.key],
    ['a revoked key', revoked.key],
    ['a token of a revoked key', ended.access_token],
    ['a token of another issuer', await provider.token({ ...admins, iss: 'https://evil.example' })],
    ['a token for another audience', await provider.token({ ...admins, aud: 'somebody-else' })],
    ['an expired token', await provider.token({ ...admins, exp: 1 })],
    ['a token that no rule lets in', await provider.token({ groups: ['nobody'] })],
    ['a token without a signature', new UnsecuredJWT(claims).setExpirationTime('5m').encode()],
    [
      'a token signed with the public key',
      await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m').sign(byPublicKey),
    ],
    ['a session in a header', `ews_${'A'.repeat(43)}`],
  ])
  // Expired, and revoked wherever it was known.
  await sleep(Math.max(5_000, Date.parse(soon) - Date.now() + 100))
}, 120_000)
afterAll(() => Promise.all([product?.stop(), provider?.close()]))

/** A route's pattern with the names of what is there. */
function filled(path: string): string {
  return path
    .replace('/redis/:command', '/redis/append/k')
    .replace('/v1/topics/:name', '/v1/topics/emails')
    .replace('/:topic', '/emails')
    .replace('/:group/:instance', '/readers/one')
    .replace('/:timestamp', '/earliest')
    .replace('/:value', '/x')
    .replace('/workspaces/:name', '/workspaces/main')
    .replace('/roles/:name', '/roles/reader')
    .replace('/issuers/:name', '/issuers/okta')
    .replace('/routes/:name', '/routes/shop')
    .replace('/limits/:name', '/limits/sends')
    .replace('/models/:name', '/models/pays')
    .replace('/:version', '/1')
    .replace('/jobs/:id', `/jobs/${mine.job}`)
    .replace(/(queries|endpoints)\/:name/, '$1/how_many')
    .replace('/users/:id', `/users/${mine.user}`)
    .replace('/sessions/:id', '/sessions/ses_1')
    .replace('/:collection', '/reviews')
    .replace(/\/:(sku|item|document)$/, '/tea')
    .replace('/keys/:id', `/keys/${mine.key}`)
    .replace(/:(name|stream)(\{[^}]*\})?/, 'orders')
}

function guarded() {
  return routes.filter(({ method, path }) => !openToAll.has(`${method} ${path}`))
}

async function statuses(key: string | null): Promise<readonly (readonly [string, number])[]> {
  const answers: (readonly [string, number])[] = []
  for (const { method, path } of guarded()) {
    const name = `${method} ${path}`
    const asked = bodies[name] ?? (method === 'GET' ? {} : { json: {} })
    const answer = await ask(product, filled(path) + (searches[name] ?? ''), {
      method,
      key,
      ...(method === 'DELETE' ? {} : asked),
    })
    answers.push([name, answer.status])
  }
  return answers
}

const answered = (found: readonly (readonly [string, number])[]) =>
  found.filter(([, status]) => status < 400).map(([name]) => name)

describe('every HTTP route', () => {
  test('is open to all only where that is said here', () => {
    const names = new Set(routes.map(({ method, path }) => `${method} ${path}`))
    expect([...openToAll].filter((name) => !names.has(name))).toEqual([])
    expect([...Object.keys(bodies), ...Object.keys(searches)].filter((name) => !names.has(name))).toEqual([])
    expect(guarded().length).toBeGreaterThan(45)
  })

  test('is closed to everybody who is nobody', { timeout: 120_000 }, async () => {
    for (const [who, key] of nobodies) {
      const wrong = (await statuses(key)).filter(([, status]) => status !== 401)
      expect([who, wrong]).toEqual([who, []])
    }
  })

  test('is closed to a key without any scope of ours', async () => {
    const { key } = await newKey(product, { scopes: ['app:other'] })
    expect(answered(await statuses(key)).filter((name) => !openToAnybody.has(name))).toEqual([])
  })

  test('lets a viewer read, and change nothing', async () => {
    const { key } = await newKey(product, { scopes: builtInRoles['viewer'] ?? [] })
    const read =
      /^(GET \/v1\/(streams|queries|endpoints|sql|models|jobs|sessions|openapi\.json|usage|products|items)|POST \/v1\/(sql|endpoints|models\/:name\/predict)|\w+ \/v2\/models|\w+ \/(?:clickhouse)?$)/
    expect(answered(await statuses(key)).filter((name) => !read.test(name))).toEqual([])
  })

  test('gives another workspace’s administrator nothing of this one', async () => {
    const found = await statuses(stranger)
    // By names that are free in their own workspace they make and see things of their own.
    const own =
      /^\w+ \/($|clickhouse$|redis|kafka\/|v1\/(streams|queries|endpoints|events|issuers|roles|routes|limits|users|keys|sessions|audit|usage|workspaces|openapi\.json|sql|quarantine|topics|models$|products|items|documents))/
    expect(answered(found).filter((name) => !own.test(name) || /:id/.test(name))).toEqual([])
    for (const path of [
      '/v1/documents/reviews',
      '/v1/keys',
      '/v1/users',
      '/v1/issuers',
      '/v1/streams',
      '/v1/queries',
      '/v1/models',
      '/v1/routes',
      '/v1/audit',
      '/kafka/topics',
      '/kafka/consumers',
    ]) {
      const { text } = await ask(product, path, { key: stranger })
      expect(text).not.toContain(mine.key)
      expect(text).not.toContain(mine.user)
      expect(text).not.toContain(provider.issuer)
      expect(text).not.toContain('pays')
      expect(text).not.toContain('letters')
    }
    // Nothing of this one has changed.
    expect((await ask(product, '/redis/get/k')).json).toEqual({ result: 'mine' })
    expect((await ask(product, `/v1/users/${mine.user}`)).json).toMatchObject({ roles: ['viewer'] })
    expect((await ask(product, `/v1/keys/${mine.key}`)).json).not.toHaveProperty('revoked_at')
    expect((await ask(product, '/v1/streams/orders')).status).toBe(200)
    const letters = await must(product, '/kafka/fetch', {
      json: { topic: 'letters', partition: 0, offset: 0, timeout: 0 },
    })
    expect(letters.status).toBe(200)
    for (const path of ['/v1/products', '/v1/items', '/v1/documents/reviews']) {
      const { json } = await ask<{ data: object[] }>(product, path)
      expect(json.data, path).toMatchObject([{ version: 1 }])
    }
    expect((await ask(product, '/v1/issuers/okta')).json).toMatchObject({ issuer: provider.issuer })
  })
})

describe('every RPC', () => {
  const methods = services.flatMap((service) => service.methods)

  async function codesOf(key: string | null): Promise<readonly (readonly [string, number])[]> {
    return await Promise.all(
      methods.map(async (method) => {
        using client = connectBare(product.core.grpcOf(method.parent))
        return [method.name, await client.call(method, key, {}, requests[method.name] ?? others[method.name])] as const
      }),
    )
  }

  test('is of a service that is tried here', async () => {
    const served = new Set<string>()
    for (const address of new Set(services.map(product.core.grpcOf))) {
      using client = connectBare(address)
      for (const name of await client.services()) if (!name.startsWith('grpc.')) served.add(name)
    }
    expect([...served].sort()).toEqual(services.map(({ typeName }) => typeName).sort())
  })

  test('is closed to everybody who is nobody', { timeout: 120_000 }, async () => {
    for (const [who, key] of nobodies) {
      const codes = (await codesOf(key)).filter(([name]) => key !== null || !healthRpcs.has(name))
      const wrong = codes.filter(([name, code]) => (openRpcs.has(name) ? code === 0 : code !== 16))
      expect([who, wrong]).toEqual([who, []])
    }
  })

  test('is closed to a key without any scope of ours', async () => {
    const { key } = await newKey(product, { scopes: ['app:other'] })
    const own = new Set(['ListSessions', 'ListStreams', 'ReadUsage', ...healthRpcs])
    expect((await codesOf(key)).filter(([name, code]) => code === 0 && !own.has(name))).toEqual([])
  })

  test('answers for what is here, and to another workspace’s administrator that there is none', async () => {
    const of = async (key: string) => (await codesOf(key)).filter(([name]) => Object.hasOwn(requests, name))
    expect(await of(product.key)).toEqual(Object.keys(requests).map((name) => [name, 0]))
    expect(await of(stranger)).toEqual(Object.keys(requests).map((name) => [name, 5]))
  })
})
