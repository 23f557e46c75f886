import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { mongoIndexes, mongoStore } from '../../core/catalog/store.mongodb.ts'
import { createRandom } from '../../core/model/random.ts'
import { openMongo } from '../../core/storage/mongodb/connect.ts'
import { ask, must, rows } from '../e2e/ask.ts'
import { startProduct } from '../support/product.ts'
import { mongoLibraries, startMongo } from '../support/servers/mongodb.ts'
import { mongoUrl } from '../support/mongodb.ts'

interface Kept {
  readonly _id: string
  readonly id: string
  readonly version: number
}

const libraries = mongoLibraries()
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 3)
const seed = Number(process.env['SEED'] ?? 1)
const writers = 4
const ids = 20

test.skipIf(libraries === undefined)(
  `the server of documents killed ${rounds} times under load: what was acknowledged is there, and each change is told of`,
  { timeout: 60_000 + rounds * 20_000 },
  async () => {
    const random = createRandom(seed)
    const server = await startMongo(libraries ?? '')
    const url = mongoUrl(server.url('edgewise', 'serverSelectionTimeoutMS=300'))
    const mongo = await openMongo(url, mongoIndexes, pino({ level: 'silent' }))
    const store = mongoStore(mongo)
    const place = { workspace: 'main', collection: 'notes' }
    /** The newest version of each id that was acknowledged, and what it says; each is written by one writer alone. */
    const acknowledged = new Map<string, { readonly version: number; readonly n: number | undefined }>()
    const refused = new Set<unknown>()
    const told = new Set<string>()
    const done = new AbortController()
    let writes = 0

    const writing = Array.from({ length: writers }, async (_, writer) => {
      while (!done.signal.aborted) {
        const id = `${writer}-${Math.floor(random() * ids)}`
        const n = ++writes
        const isGone = random() < 0.1
        const write = { id, fields: isGone ? undefined : { document: { n } }, words: '', ifVersion: undefined }
        try {
          const [written] = await store.write(place, [write])
          const version = written?.entry?.version ?? acknowledged.get(id)?.version ?? 0
          acknowledged.set(id, { version, n: isGone ? undefined : n })
        } catch (error) {
          refused.add((error as { readonly problem?: unknown }).problem ?? error)
          await sleep(20)
        }
      }
    })
    const left = (): Promise<number> =>
      mongo.use((db) => db.collection('documents').countDocuments({ freeAt: { $exists: true } })).catch(() => 1)
    const telling = (async () => {
      while (!done.signal.aborted || (await left()) > 0) {
        try {
          // A short lease: one that was taken as the server died is taken again.
          const changes = await store.takeOutbox(16, 500)
          for (const { key } of changes) told.add(key)
          await store.markSent(changes.map(({ key }) => key))
          if (changes.length === 0) await sleep(20)
        } catch (error) {
          refused.add((error as { readonly problem?: unknown }).problem ?? error)
          await sleep(20)
        }
      }
    })()

    try {
      for (let round = 0; round < rounds; round++) {
        await sleep(300 + random() * 1_000)
        await server.kill()
        await sleep(random() * 500)
        await server.restart()
      }
      await sleep(1_000)
      done.abort()
      await Promise.all([...writing, telling])
      expect(acknowledged.size).toBeGreaterThan(0)
      const kept = await mongo.use((db) => db.collection<Kept>('documents').find().toArray())
      const versions = new Map(kept.map(({ id, version }) => [id, version]))
      for (const [id, { version, n }] of acknowledged) {
        // Of a write that was not answered nobody knows: there may be a version more, never one less.
        expect(versions.get(id) ?? 0, id).toBeGreaterThanOrEqual(version)
        if ((versions.get(id) ?? 0) === version) {
          const entry = n === undefined ? undefined : { version, fields: { document: { n } } }
          expect(await store.get(place, id), id).toEqual(entry && expect.objectContaining(entry))
        }
      }
      const changes = kept.flatMap(({ _id, version }) => Array.from({ length: version }, (_, i) => `${i + 1}/${_id}`))
      expect([...told].toSorted()).toEqual(changes.toSorted())
      // Nothing but "not now" was said meanwhile.
      expect(
        [...refused].filter((problem) => problem !== 'core.unavailable' && problem !== 'limit.queue_full'),
      ).toEqual([])
    } finally {
      done.abort()
      await mongo.close()
      await server.stop()
    }
  },
)

test.skipIf(libraries === undefined)(
  'core and server killed in turn under load: 503 meanwhile, then what was acknowledged is there, and a row of each change once',
  { timeout: 240_000 },
  async () => {
    const server = await startMongo(libraries ?? '')
    const product = await startProduct({ env: { MONGODB_URL: server.url() } })
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
          const json = { document: { n: ++n, 'a.b': { $set: 1 } } }
          const answer = await ask<{ version: number }>(product, `/v1/documents/notes/${id}`, { method: 'PUT', json })
          if (answer.status === 200) acknowledged.set(id, answer.json.version)
          else refused.add(answer.status)
          await sleep(10)
        }
      })
      for (let round = 0; round < 2; round++) {
        await sleep(1_000)
        await server.kill()
        await expect.poll(ready, { timeout: 20_000 }).toBe(503)
        const meanwhile = await ask<{ code: string }>(product, '/v1/documents/notes/0-0')
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
      expect(acknowledged.size).toBeGreaterThan(10)
      const changes = () =>
        rows<{ id: string; n: number; different: number; latest: number }>(
          product,
          `SELECT id, count() AS n, uniqExact(version) AS different, max(version) AS latest FROM _document_changes
           WHERE collection = 'notes' GROUP BY id ORDER BY id`,
        )
      const found: { id: string; n: number; different: number; latest: number }[] = []
      for (const [id, version] of [...acknowledged].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        const { json } = await must<{ version: number; document: unknown }>(product, `/v1/documents/notes/${id}`)
        expect(json.version, id).toBeGreaterThanOrEqual(version)
        expect(json.document).toMatchObject({ 'a.b': { $set: 1 } })
        found.push({ id, n: json.version, different: json.version, latest: json.version })
      }
      await expect.poll(changes, { timeout: 60_000 }).toEqual(found)
      const now = await rows<{ id: string; version: number }>(product, 'SELECT id, version FROM _documents ORDER BY id')
      expect(now).toEqual(found.map(({ id, latest }) => ({ id, version: latest })))
    } finally {
      done.abort()
      await product.stop()
      await server.stop()
    }
  },
)
