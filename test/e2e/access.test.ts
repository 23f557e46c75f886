import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { workspaceScopes } from '#mesh/scopes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, kept, must, newKey, rows } from './ask.ts'

interface Route {
  readonly method: string
  readonly path: string
}

let product: Product
let routes: readonly Route[]
let openRoutes: readonly Route[]
/** An administrator of another workspace. */
let stranger: string
let mine: { readonly id: string; readonly key: string }

beforeAll(async () => {
  product = await startProduct()
  mine = await newKey(product, { scopes: ['endpoints:read'] })
  const row = '{"time":"2026-10-11T10:00:00Z","customer":"c1","price":1}'
  await must(product, '/v1/events/orders?wait=true', { body: row })
  const sql = 'SELECT count() AS n FROM orders'
  await must(product, '/v1/queries/how_many', { method: 'PUT', json: { sql, cache: { ttl_s: 60 } } })
  for (const [path, json] of entries) await must(product, path, { method: 'PUT', json })
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
  stranger = made.json.key.key

  const { json } = await ask<{ paths: Record<string, Record<string, { security?: unknown[] }>> }>(
    product,
    '/openapi.json',
    { key: null },
  )
  const described = Object.entries(json.paths)
    .filter(([path]) => /^\/(?:v1|redis|kafka)\b/.test(path))
    .flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => /^(get|put|post|patch|delete)$/.test(method))
        .map(([method, { security }]) => ({
          method: method.toUpperCase(),
          path: filled(path),
          open: security?.length === 0,
        })),
    )
  routes = described.filter(({ open }) => !open)
  openRoutes = described.filter(({ open }) => open)
})
afterAll(() => product?.stop())

const entries = [
  ['/v1/products/tea', { name: 'Tea' }],
  ['/v1/items/tea', { title: 'Tea' }],
  ['/v1/documents/reviews/tea', { document: { stars: 5 } }],
] as const

/** A route's pattern with the names of what is there. */
function filled(path: string): string {
  return path
    .replace('/redis/{command}', '/redis/set/k/v')
    .replace('/v1/workspaces/{name}', '/v1/workspaces/main')
    .replace(/(queries|endpoints)\/\{name\}/, '$1/how_many')
    .replace('/v1/issuers/{name}', '/v1/issuers/okta')
    .replace('/v1/users/{id}', '/v1/users/usr_1')
    .replace('/v1/sessions/{id}', '/v1/sessions/ses_1')
    .replace('/v1/roles/{name}', '/v1/roles/reader')
    .replace('{version}', '1')
    .replace('{collection}', 'reviews')
    .replace(/\{(sku|item|document)\}/, 'tea')
    .replace('/v1/jobs/{id}', `/v1/jobs/job_${'0'.repeat(32)}`)
    .replace(/\{name\}|\{stream\}/, 'orders')
    .replace('{id}', mine.id)
}

async function statuses(key: string | null): Promise<readonly string[]> {
  const answers = await Promise.all(
    routes.map(async ({ method, path }) => {
      const body = method === 'GET' || method === 'DELETE' ? {} : { body: '{}', type: 'application/json' }
      return { method, path, answer: await ask<{ code: string }>(product, path, { method, key, ...body }) }
    }),
  )
  return answers.map(({ method, path, answer }) => `${method} ${path} ${answer.status} ${answer.json.code}`)
}

const refused = (code: string): readonly string[] => routes.map(({ method, path }) => `${method} ${path} 401 ${code}`)

describe('every route of the API', () => {
  test('is there to be tried', () => {
    expect(routes.length).toBeGreaterThan(20)
    // Where a credential comes from: all else needs one.
    expect(openRoutes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      'GET /v1/sessions/callback',
      'GET /v1/sessions/sign-in',
      'POST /v1/sessions',
      'POST /v1/token',
      'POST /v1/users/accept',
    ])
    expect(new Set(routes.map(({ path }) => path.split('/')[2]))).toEqual(
      new Set([
        'users',
        'routes',
        'limits',
        'models',
        'jobs',
        'roles',
        'sessions',
        'audit',
        'events',
        'endpoints',
        'sql',
        'queries',
        'streams',
        'quarantine',
        'keys',
        'workspaces',
        'issuers',
        'usage',
        'products',
        'items',
        'documents',
        'openapi.json',
        // Of /redis itself, and below it.
        undefined,
        'pipeline',
        'multi-exec',
        'set',
        'topics',
        'produce',
        'fetch',
        'consume',
        'commit',
        'committed',
        'consumers',
        'offsets',
        'delete-consumer',
      ]),
    )
  })

  test('refuses whoever has no key', async () => {
    expect(await statuses(null)).toEqual(refused('auth.missing'))
  })

  test('refuses a key that was never made', async () => {
    expect(await statuses(`${mine.key.slice(0, -4)}0000`)).toEqual(refused('auth.invalid'))
  })

  test('refuses an expired key, also where it was known before', async () => {
    const expiresAt = Date.now() + 1_500
    const { key } = await newKey(product, { scopes: workspaceScopes, expires_at: new Date(expiresAt).toISOString() })
    expect((await ask(product, '/v1/endpoints/how_many.json', { key })).status).toBe(200)
    await sleep(expiresAt - Date.now() + 50)
    expect(await statuses(key)).toEqual(refused('auth.invalid'))
  })

  test('refuses a revoked key within five seconds, while it is in use', async () => {
    const { id, key } = await newKey(product, { scopes: workspaceScopes })
    const path = '/v1/endpoints/how_many.json'
    // Twice: from now on the edge could answer this by itself.
    await ask(product, path, { key })
    expect((await kept(product, path, { key })).headers.get('cache-status')).toMatch(/^Edgewise; hit/)
    expect((await ask(product, `/v1/keys/${id}`, { method: 'DELETE' })).status).toBe(200)
    const revoked = Date.now()
    const all = refused('auth.invalid')
    while (Date.now() - revoked < 5_000) {
      if (
        (await ask(product, path, { key })).status === 401 &&
        (await statuses(key)).every((said, at) => said === all[at])
      )
        break
      await sleep(50)
    }
    expect(Date.now() - revoked).toBeLessThan(5_000)
    expect((await ask(product, path, { key })).status).toBe(401)
    expect(await statuses(key)).toEqual(all)
  })
})

describe('a key of another workspace', () => {
  test('finds nothing of this one by name, as if it were not there', async () => {
    const named = [
      ['GET', '/v1/streams/orders'],
      ['DELETE', '/v1/streams/orders'],
      ['POST', '/v1/streams/orders/truncate'],
      ['DELETE', '/v1/streams/orders/rows?where=1'],
      ['GET', '/v1/quarantine/orders'],
      ['GET', '/v1/queries/how_many'],
      ['GET', '/v1/queries/how_many/versions'],
      ['DELETE', '/v1/queries/how_many'],
      ['GET', '/v1/endpoints/how_many.json'],
      ['POST', '/v1/endpoints/how_many.json'],
      ['GET', `/v1/keys/${mine.id}`],
      ['DELETE', `/v1/keys/${mine.id}`],
      ...entries.flatMap(([path]) => [['GET', path] as const, ['DELETE', path] as const]),
    ] as const
    const found = await Promise.all(
      named.map(async ([method, path]) => [method, path, (await ask(product, path, { method, key: stranger })).status]),
    )
    expect(found).toEqual(named.map(([method, path]) => [method, path, 404]))
    const settings = { method: 'PATCH', json: { cors_origins: ['*'] }, key: stranger }
    expect((await ask(product, '/v1/workspaces/main', settings)).status).toBe(404)
    const again = { json: {}, key: stranger }
    expect((await ask(product, '/v1/streams/orders/replay', again)).status).toBe(404)
    const replay = { json: { rows: [{ id: '0-0' }] }, key: stranger }
    expect((await ask(product, '/v1/quarantine/orders/replay', replay)).status).toBe(404)
    const discard = { json: { ids: ['0-0'] }, key: stranger }
    expect((await ask(product, '/v1/quarantine/orders/discard', discard)).status).toBe(404)
  })

  test('sees lists of its own, and cannot make workspaces', async () => {
    for (const path of ['/v1/streams', '/v1/queries', '/v1/products', '/v1/items', '/v1/documents/reviews']) {
      expect((await ask(product, path, { key: stranger })).json).toMatchObject({ data: [] })
    }
    const keys = await ask<{ data: { id: string }[] }>(product, '/v1/keys', { key: stranger })
    expect(keys.json.data.map(({ id }) => id)).not.toContain(mine.id)
    expect((await ask(product, '/v1/workspaces', { json: { name: 'third' }, key: stranger })).status).toBe(403)
    expect((await ask(product, '/v1/workspaces', { key: stranger })).text).not.toContain('"main"')
  })

  test('cannot read its tables, nor write into them by using the same names', async () => {
    for (const query of ['SELECT * FROM orders', 'SELECT * FROM main.orders', 'SELECT 1 IN main.orders']) {
      const answer = await ask(product, '/v1/sql', { json: { query }, key: stranger })
      expect(answer.status, query).toBeGreaterThanOrEqual(400)
      expect(answer.status, query).toBeLessThan(500)
    }
    const row = '{"time":"2026-10-11T10:00:00Z","customer":"c9","price":9}'
    expect((await ask(product, '/v1/events/orders?wait=true', { body: row, key: stranger })).status).toBe(200)
    const sql = 'SELECT max(price) AS n FROM orders'
    const theirs = { method: 'PUT', json: { sql }, key: stranger }
    expect((await ask(product, '/v1/queries/how_many', theirs)).status).toBe(200)
    expect(await rows(product, 'SELECT customer FROM orders')).toEqual([{ customer: 'c1' }])
    expect(await rows(product, 'SELECT customer FROM orders', stranger)).toEqual([{ customer: 'c9' }])
    expect((await ask(product, '/v1/endpoints/how_many.json')).json).toMatchObject({ data: [{ n: 1 }] })
    expect((await ask(product, '/v1/endpoints/how_many.json', { key: stranger })).json).toMatchObject({
      data: [{ n: 9 }],
    })
  })
})
