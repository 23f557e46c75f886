import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createClient } from '#mesh/client/index.ts'
import { verifyGateway } from '../../core/cli/audit/verify.ts'
import { startProduct } from '../support/product.ts'
import { findPostgres, startPostgres } from '../support/servers/postgres.ts'

const programs = findPostgres()
/** At most as many as the core is started again within a minute. */
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 4) > 4 ? 5 : 2
const writers = 4

test.skipIf(programs === undefined)(
  'core and PostgreSQL killed in turn: every acknowledged key is there, and an entry of a chain that holds',
  { timeout: 120_000 + rounds * 60_000 },
  async () => {
    const server = await startPostgres(programs ?? '')
    const product = await startProduct({ env: { DATABASE_URL: server.url() } })
    const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' }
    const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(new URL(path, product.url), { headers, signal: AbortSignal.timeout(20_000), ...init })
    const acknowledged = new Map<string, string>()
    const refused = new Map<number, number>()
    const done = new AbortController()
    try {
      const writing = Array.from({ length: writers }, async () => {
        while (!done.signal.aborted) {
          const name = randomUUID()
          const answer = await ask('/v1/keys', { method: 'POST', body: JSON.stringify({ name, scopes: ['sql:read'] }) })
          const body = (await answer.json()) as { readonly id: string }
          if (answer.ok) acknowledged.set(body.id, name)
          else refused.set(answer.status, (refused.get(answer.status) ?? 0) + 1)
          await sleep(20)
        }
      })
      for (let round = 0; round < rounds; round++) {
        await sleep(1_000)
        await server.kill()
        await expect.poll(() => ask('/health/ready').then(({ status }) => status), { timeout: 10_000 }).toBe(503)
        const meanwhile = await ask('/v1/keys?limit=1')
        expect(meanwhile.status).toBe(503)
        expect(await meanwhile.json()).toMatchObject({ code: 'core.unavailable', retryable: true })
        expect(Number(meanwhile.headers.get('retry-after'))).toBeGreaterThan(0)
        await server.restart()
        await expect.poll(() => ask('/health/ready').then(({ status }) => status), { timeout: 20_000 }).toBe(200)
        await sleep(1_000)
        await product.killCore()
        await sleep(1_000)
      }
      done.abort()
      await Promise.all(writing)

      const keys = await pages<{ readonly id: string }>('/v1/keys?limit=1000')
      const known = new Set(keys.map(({ id }) => id))
      expect([...acknowledged.keys()].filter((id) => !known.has(id))).toEqual([])
      expect(acknowledged.size).toBeGreaterThan(20)
      // Nothing but "not now" was said meanwhile.
      expect([...refused.keys()].filter((status) => status !== 503 && status !== 504)).toEqual([])

      const { audit } = createClient({ url: product.url, key: product.key })
      expect(await verifyGateway({ audit }, { installation: false, remembered: [] })).toMatchObject({
        broken: undefined,
      })
      const told = new Set(
        (await pages<{ readonly resource: string }>('/v1/audit?limit=1000')).map((one) => one.resource),
      )
      expect([...known].filter((id) => acknowledged.has(id) && !told.has(`key/${id}`))).toEqual([])
    } finally {
      done.abort()
      await product.stop()
      await server.stop()
    }

    async function pages<T>(path: string): Promise<T[]> {
      const rows: T[] = []
      for (let cursor: string | null = ''; cursor !== null;) {
        const answer = await ask(`${path}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
        expect(answer.status).toBe(200)
        const page = (await answer.json()) as { readonly data: T[]; readonly next_cursor: string | null }
        rows.push(...page.data)
        cursor = page.next_cursor
      }
      return rows
    }
  },
)
