import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { mongoIndexes, mongoStore } from '../../core/catalog/store.mongodb.ts'
import { createRandom } from '../../core/model/random.ts'
import { openMongo } from '../../core/storage/mongodb/connect.ts'
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
