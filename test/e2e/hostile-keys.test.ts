import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { type Answered, ask, must, newKey, rows } from './ask.ts'

interface Problem {
  readonly code: string
  readonly detail: string
  readonly errors?: readonly { readonly pointer: string }[]
}

let product: Product

beforeAll(async () => {
  product = await startProduct()
  const row = (n: number) => `{"time":"2026-10-11T10:00:00Z","shop":"${n % 2 ? 'a' : 'b'}","price":${n}}`
  await must(product, '/v1/events/orders?wait=true', { body: Array.from({ length: 100 }, (_, n) => row(n)).join('\n') })
  const cache = { ttl_s: 60 }
  await publish('all_orders', { sql: 'SELECT count() AS n FROM orders', cache })
  await publish('by_shop', { sql: 'SELECT count() AS n FROM orders WHERE shop = {shop:String}', cache })
})
afterAll(() => product?.stop())

const publish = (name: string, json: object) => must(product, `/v1/queries/${name}`, { method: 'PUT', json })
const makeKey = (definition: object): Promise<Answered<Problem>> =>
  ask(product, '/v1/keys', { json: { name: 'test', ...definition } })

describe('a key with bound parameters', () => {
  test('is not answered by a query that does not take them, not even from the cache', async () => {
    const { key } = await newKey(product, { scopes: ['endpoints:read'], params: { shop: 'a' } })
    expect((await ask(product, '/v1/endpoints/all_orders')).status).toBe(200)
    for (const path of ['/v1/endpoints/all_orders', '/v1/endpoints/all_orders.csv', '/v1/endpoints/all_orders']) {
      const { status, json } = await ask<Problem>(product, path, { key })
      expect([status, json.code, json.errors?.[0]?.pointer]).toEqual([403, 'auth.bound_parameter', 'shop'])
    }
    expect((await ask<{ data: unknown }>(product, '/v1/endpoints/by_shop', { key })).json.data).toEqual([{ n: 50 }])
  })

  test.each(['sql:read', 'queries:write'])('and no filters cannot hold %s', async (scope) => {
    const { status, json } = await makeKey({ scopes: ['endpoints:read', scope], params: { shop: 'a' } })
    expect([status, json.errors?.[0]?.pointer]).toEqual([400, '/scopes'])
  })
})

test.each([
  [{}, '/filters'],
  [JSON.parse('{"__proto__":{"shop":"a"}}') as object, '/filters/__proto__'],
])('filters that name no stream do not make a key that sees everything: %j', async (filters, pointer) => {
  const { status, json } = await makeKey({ scopes: ['sql:read'], filters })
  expect([status, json.errors?.[0]?.pointer]).toEqual([400, pointer])
})

test('a key with filters is not told how many rows were read to find those that it may see', async () => {
  const { key } = await newKey(product, { scopes: ['sql:read', 'endpoints:read'], filters: { orders: { shop: 'a' } } })
  const answers = [
    await ask(product, '/v1/sql', { json: { query: 'SELECT count() AS n FROM orders' }, key }),
    await ask(product, '/v1/endpoints/all_orders', { key }),
  ]
  for (const { json, text } of answers) {
    expect(json['data']).toEqual([{ n: 50 }])
    expect(text).not.toMatch(/rows_read|bytes_read/)
  }
})

test('a key with filters cannot remove rows that it does not see', async () => {
  const { key } = await newKey(product, { scopes: ['streams:write'], filters: { orders: { shop: 'a' } } })
  const answers = [
    await ask<Problem>(product, '/v1/streams/orders/truncate', { method: 'POST', key }),
    await ask<Problem>(product, '/v1/streams/orders', { method: 'DELETE', key }),
  ]
  for (const { status, json } of answers) expect([status, json.code]).toEqual([403, 'auth.scope'])
  expect(await rows(product, 'SELECT count() AS n FROM orders')).toEqual([{ n: 100 }])
})

test('what holds data is closed to other users of the machine', () => {
  for (const name of ['', 'control', 'log', 'logs', 'warehouse']) {
    expect([name, statSync(join(product.data, name)).mode & 0o077]).toEqual([name, 0])
  }
})

test('a tenant whose queries only end with the warehouse waits; others are answered', { timeout: 60_000 }, async () => {
  const { key } = (await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'hostile' } })).json
    .key
  // One call for one row, in which nothing asks whether to stop.
  const deaf = 'SELECT hasAll(range(500000), range(500000))'
  const back = () => ask(product, '/v1/sql', { json: { query: 'SELECT 1' } }).then(({ status }) => status)
  const again = () => ask<Problem>(product, '/v1/sql', { json: { query: deaf, timeout_ms: 500 }, key })
  for (let at = 0; at < 2; at++) {
    expect((await again()).status).toBeGreaterThanOrEqual(500)
    // Until it has been told to end, and did not, and the process was ended for it.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    await expect.poll(back, { timeout: 15_000 }).toBe(200)
  }
  const held = await again()
  expect([held.status, held.json.code]).toEqual([429, 'limit.concurrency'])
  expect(Number(held.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await rows(product, 'SELECT count() AS n FROM orders')).toEqual([{ n: 100 }])
})
