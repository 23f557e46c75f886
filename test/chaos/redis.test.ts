import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startProduct } from '../support/product.ts'
import { findRedis, startRedis } from '../support/servers/redis.ts'

const program = findRedis()
/** At most as many as the core is started again within a minute. */
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 4) > 4 ? 5 : 2
const writers = 4

test.skipIf(program === undefined)(
  'core and Redis killed in turn: every acknowledged change is there, once, and nothing but "not now" is said meanwhile',
  { timeout: 120_000 + rounds * 60_000 },
  async () => {
    // It writes down what it is told before it answers.
    const server = await startRedis(program ?? '')
    const product = await startProduct({ env: { REDIS_URL: server.url() } })
    const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' }
    const ask = async (commands: unknown): Promise<{ readonly status: number; readonly json: unknown }> => {
      const init = { method: 'POST', headers, body: JSON.stringify(commands), signal: AbortSignal.timeout(20_000) }
      const answer = await fetch(new URL('/redis/multi-exec', product.url), init)
      return { status: answer.status, json: await answer.json() }
    }
    const acknowledged = Array.from({ length: writers }, () => 0)
    const tried = Array.from({ length: writers }, () => 0)
    const refused = new Set<number>()
    const done = new AbortController()
    try {
      const writing = acknowledged.map(async (_, writer) => {
        while (!done.signal.aborted) {
          tried[writer]! += 1
          const { status } = await ask([
            ['INCR', `count:${writer}`],
            ['RPUSH', `list:${writer}`, 'x'],
          ])
          if (status === 200) acknowledged[writer]! += 1
          else refused.add(status)
          await sleep(10)
        }
      })
      const answers = async (): Promise<number> => (await ask([['PING']])).status
      for (let round = 0; round < rounds; round++) {
        await sleep(1_000)
        await server.kill()
        await expect.poll(answers, { timeout: 20_000 }).toBe(503)
        await server.restart()
        await expect.poll(answers, { timeout: 20_000 }).toBe(200)
        await sleep(1_000)
        await product.killCore()
        await expect.poll(answers, { timeout: 20_000 }).toBe(200)
      }
      done.abort()
      await Promise.all(writing)
      for (const [writer, count] of acknowledged.entries()) {
        const { json } = await ask([
          ['GET', `count:${writer}`],
          ['LLEN', `list:${writer}`],
        ])
        const [{ result: counted }, { result: listed }] = json as [{ result: string }, { result: number }]
        expect(count).toBeGreaterThan(5)
        expect(Number(counted)).toBeGreaterThanOrEqual(count)
        // Nothing was sent twice, and no transaction was done by half.
        expect(Number(counted)).toBeLessThanOrEqual(tried[writer] ?? 0)
        expect(listed).toBe(Number(counted))
      }
      expect([...refused].filter((status) => status !== 503 && status !== 504)).toEqual([])
    } finally {
      done.abort()
      await product.stop()
      await server.stop()
    }
  },
)
