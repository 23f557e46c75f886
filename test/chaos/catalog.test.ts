import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ask, must, rows } from '../e2e/ask.ts'
import { startProduct } from '../support/product.ts'
import { findMariadb, startMariadb } from '../support/servers/mariadb.ts'
import { mongoLibraries, startMongo } from '../support/servers/mongodb.ts'

const libraries = mongoLibraries()
const mariadb = findMariadb()

const stores = [
  {
    store: 'documents in MongoDB',
    isAbsent: libraries === undefined,
    start: () => startMongo(libraries ?? ''),
    variable: 'MONGODB_URL',
    path: '/v1/documents/notes',
    body: (n: number): object => ({ document: { n, 'a.b': { $set: 1 } } }),
    kept: (json: Kept): unknown => json.document?.['a.b'],
    is: { $set: 1 },
    stream: '_document_changes',
    table: '_documents',
  },
  {
    store: 'items in MariaDB',
    isAbsent: mariadb === undefined,
    start: () => startMariadb(mariadb ?? ''),
    variable: 'MYSQL_URL',
    path: '/v1/items',
    body: (n: number): object => ({ title: `Item ${n}`, tags: ["it's"] }),
    kept: (json: Kept): unknown => json.tags,
    is: ["it's"],
    stream: '_item_changes',
    table: '_items',
  },
]

interface Kept {
  readonly version: number
  readonly document?: Readonly<Record<string, unknown>>
  readonly tags?: readonly string[]
}

describe.each(stores)('$store', ({ isAbsent, start, variable, path, body, kept, is, stream, table }) => {
  test.skipIf(isAbsent)(
    'core and server killed in turn under load: 503 meanwhile, then what was acknowledged is there, and a row of each change once',
    { timeout: 240_000 },
    async () => {
      const server = await start()
      const product = await startProduct({ env: { [variable]: server.url() } })
      const acknowledged = new Map<string, number>()
      const refused = new Set<number>()
      const done = new AbortController()
      // Of the core: the gateway serves what else there is.
      const ready = () => fetch(new URL('/health/ready', product.core.http)).then(({ status }) => status)
      let n = 0
      try {
        const writing = Array.from({ length: 3 }, async (_, writer) => {
          while (!done.signal.aborted) {
            const id = `${writer}-${n % 7}`
            const json = body(++n)
            const answer = await ask<{ version: number }>(product, `${path}/${id}`, { method: 'PUT', json })
            if (answer.status === 200) acknowledged.set(id, answer.json.version)
            else refused.add(answer.status)
            await sleep(10)
          }
        })
        for (let round = 0; round < 2; round++) {
          await sleep(1_000)
          await server.kill()
          await expect.poll(ready, { timeout: 20_000 }).toBe(503)
          const meanwhile = await ask<{ code: string }>(product, `${path}/0-0`)
          expect(meanwhile).toMatchObject({ status: 503, json: { code: 'core.unavailable', retryable: true } })
          expect(Number(meanwhile.headers.get('retry-after'))).toBeGreaterThan(0)
          // All else goes on.
          expect((await ask(product, '/v1/products')).status).toBe(200)
          await server.restart()
          await expect.poll(ready, { timeout: 20_000 }).toBe(200)
          await sleep(1_000)
          await product.killCore()
        }
        await sleep(1_000)
        done.abort()
        await Promise.all(writing)
        expect([...refused].filter((status) => status !== 503 && status !== 504)).toEqual([])
        // For a moment after the core is back it may still be taken for gone.
        await expect.poll(async () => (await ask(product, `${path}/0-0`)).status, { timeout: 20_000 }).toBe(200)
        expect(acknowledged.size).toBeGreaterThan(10)
        const changes = () =>
          rows<{ id: string; n: number; different: number; latest: number }>(
            product,
            `SELECT id, count() AS n, uniqExact(version) AS different, max(version) AS latest FROM ${stream}
           GROUP BY id ORDER BY id`,
          )
        const found: { id: string; n: number; different: number; latest: number }[] = []
        for (const [id, version] of [...acknowledged].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
          const { json } = await must<Kept>(product, `${path}/${id}`)
          expect(json.version, id).toBeGreaterThanOrEqual(version)
          expect(kept(json)).toEqual(is)
          found.push({ id, n: json.version, different: json.version, latest: json.version })
        }
        await expect.poll(changes, { timeout: 60_000 }).toEqual(found)
        const now = await rows<{ id: string; version: number }>(product, `SELECT id, version FROM ${table} ORDER BY id`)
        expect(now).toEqual(found.map(({ id, latest }) => ({ id, version: latest })))
      } finally {
        done.abort()
        await product.stop()
        await server.stop()
      }
    },
  )
})
