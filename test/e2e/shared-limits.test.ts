import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { processTree } from '../support/processes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { newKey } from './ask.ts'

let product: Product

beforeAll(async () => {
  product = await startProduct({ env: { EDGE_PROCESSES: '2' } })
  // The first lease begins the Redis, which may take longer than an edge waits before it counts by itself.
  const { key } = await newKey(product, { scopes: ['streams:read'], plan: { requests: 10, window_s: 60 } })
  await allowed(key, 8)
}, 120_000)
afterAll(() => product?.stop())

/** By a connection of its own each time, which the kernel gives to either. */
function asked(key: string): Promise<{ readonly status: number; readonly retryAfter: number }> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, headers: { authorization: `Bearer ${key}` } }
    get(`${product.url}/v1/streams`, options, (response) => {
      response.resume()
      resolve({ status: response.statusCode ?? 0, retryAfter: Number(response.headers['retry-after'] ?? 0) })
    }).once('error', reject)
  })
}

/** How many of so many requests are answered. */
async function allowed(key: string, requests: number): Promise<number> {
  let count = 0
  for (let i = 0; i < requests; i++) {
    const { status, retryAfter } = await asked(key)
    if (status === 200) count++
    else {
      expect(status).toBe(429)
      expect(retryAfter).toBeGreaterThan(0)
    }
  }
  return count
}

function edges(): readonly number[] {
  const isEdge = (command: readonly string[]): boolean => command[0]?.endsWith('/workerd') === true
  return processTree(product.pid).flatMap(({ pid, command }) => (isEdge(command) ? [pid] : []))
}

describe('several edges on one port', () => {
  test('have one limit: what one has given, the other does not give again', { timeout: 60_000 }, async () => {
    const { key } = await newKey(product, { scopes: ['streams:read'], plan: { requests: 100, window_s: 86_400 } })
    const count = await allowed(key, 150)
    // One lease more for each, where a lease takes so long that an edge counts by itself; apart they would allow all.
    expect(count).toBeLessThanOrEqual(110)
    expect(count).toBeGreaterThan(85)
  })

  test('have one bound of what comes at once', { timeout: 60_000 }, async () => {
    const plan = { requests: 10_000, window_s: 86_400, burst: 40 }
    const { key } = await newKey(product, { scopes: ['streams:read'], plan })
    const count = await allowed(key, 80)
    expect(count).toBeLessThanOrEqual(44)
    expect(count).toBeGreaterThan(30)
  })

  test('are not needed all: while one is gone the others answer, and it comes back', { timeout: 60_000 }, async () => {
    const [one = 0, two = 0, ...more] = edges()
    expect([one > 0, two > 0, more]).toEqual([true, true, []])
    const { key } = await newKey(product, { scopes: ['streams:read'] })
    process.kill(one, 'SIGKILL')
    // Its socket goes last of it.
    await expect.poll(edges).not.toContain(one)
    await sleep(100)
    for (let i = 0; i < 20; i++) {
      expect((await asked(key)).status).toBe(200)
      await sleep(10)
    }
    await expect.poll(() => edges().length, { timeout: 10_000 }).toBe(2)
    expect(edges()).toContain(two)
  })
})
