import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, newKey } from './ask.ts'
import { buildEdge, type Running, startEdge } from './edge-harness.ts'

/** Two workerd of one core: a Durable Object belongs to one of them, and Redis to both. */
const directory = temporaryDirectory()
let product: Product
let second: Running

beforeAll(async () => {
  product = await startProduct({ env: { LIMITS: 'redis' } })
  await buildEdge(directory.path)
  const token = readFileSync(join(product.data, 'edge.token'), 'utf8').trim()
  second = await startEdge(directory.path, new URL(product.core.http).host, { EDGE_TOKEN: token, LIMITS: 'redis' })
  // The first lease begins the Redis, which may take longer than an edge waits before it counts by itself.
  const { key } = await newKey(product, { scopes: ['streams:read'], plan: { requests: 10, window_s: 60 } })
  await allowed(key, 4)
}, 120_000)
afterAll(async () => {
  await second?.stop()
  await product?.stop()
  directory.remove()
})

/** How many of so many requests are answered, by both in turn. */
async function allowed(key: string, requests: number): Promise<number> {
  const urls = [product.url, second.url]
  let count = 0
  for (let i = 0; i < requests; i++) {
    const { status, headers } = await ask({ url: urls[i % 2] ?? '', key }, '/v1/streams')
    if (status === 200) count++
    else {
      expect(status).toBe(429)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    }
  }
  return count
}

describe('a limit of several edges that share a Redis', () => {
  test('is one limit: what one has given, the other does not give again', { timeout: 60_000 }, async () => {
    const { key } = await newKey(product, { scopes: ['streams:read'], plan: { requests: 100, window_s: 86_400 } })
    const count = await allowed(key, 150)
    // One lease more for each, where a lease takes so long that an edge counts by itself; apart they would allow all.
    expect(count).toBeLessThanOrEqual(110)
    expect(count).toBeGreaterThan(85)
  })

  test('bounds what comes at once', { timeout: 60_000 }, async () => {
    const plan = { requests: 10_000, window_s: 86_400, burst: 40 }
    const { key } = await newKey(product, { scopes: ['streams:read'], plan })
    const count = await allowed(key, 80)
    expect(count).toBeLessThanOrEqual(44)
    expect(count).toBeGreaterThan(30)
  })
})
