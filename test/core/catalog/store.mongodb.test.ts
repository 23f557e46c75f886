import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mongoIndexes, mongoStore } from '../../../core/catalog/store.mongodb.ts'
import type { CatalogStore, Fields } from '../../../core/catalog/store.ts'
import { type Mongo, openMongo } from '../../../core/storage/mongodb/connect.ts'
import { catalogStoreContract } from '../../contract/catalog-store.ts'
import { type MongoServer, mongoLibraries, startMongo } from '../../support/servers/mongodb.ts'
import { mongoUrl } from '../../support/mongodb.ts'

const libraries = mongoLibraries()
let server: MongoServer

beforeAll(async () => {
  if (libraries !== undefined) server = await startMongo(libraries)
}, 60_000)
afterAll(() => server?.stop())

async function fresh(): Promise<{ mongo: Mongo; store: CatalogStore; close(): Promise<void> }> {
  const url = mongoUrl(server.url(`test_${randomUUID().slice(0, 8)}`))
  const mongo = await openMongo(url, mongoIndexes, pino({ level: 'silent' }))
  const store = mongoStore(mongo)
  return {
    mongo,
    store,
    async close() {
      await mongo.use((db) => db.dropDatabase())
      await mongo.close()
    },
  }
}

describe.skipIf(libraries === undefined)('documents in MongoDB', () => {
  catalogStoreContract(fresh)
})

describe.skipIf(libraries === undefined)('documents, as MongoDB might take them', () => {
  const place = { workspace: 'main', collection: 'notes' }
  const put = (id: string, document: Fields, ifVersion?: number) => ({ id, fields: { document }, words: id, ifVersion })

  test('have members of any name, and none of them does anything', async () => {
    const { store, close } = await fresh()
    const document = JSON.parse(
      '{"$where": "sleep(1)", "$set": {"version": 9}, "a.b": {".": 1, "": 2}, "_id": 3, "_bsontype": "Code", "x": {"_bsontype": {"$ne": 1}}, "$ref": "a", "$id": 1, "__proto__": {"deleted": true}, "%24": 4, "$": 5, "outbox": []}',
    ) as Fields
    await store.write(place, [put('x', document)])
    expect(JSON.stringify((await store.get(place, 'x'))?.fields['document'])).toBe(JSON.stringify(document))
    expect(await store.write(place, [put('x', document)])).toMatchObject([{ outcome: 'same' }])
    await store.write(place, [put('x', { ...document, more: true })])
    expect(await store.get(place, 'x')).toMatchObject({
      version: 2,
      fields: { document: { more: true, $where: 'sleep(1)' } },
    })
    await close()
  })

  test('are named by text alone: an id, a place or a word that looks like something else is none', async () => {
    const { store, close } = await fresh()
    const odd = ['{"$ne":null}', '$gt', 'a/b', '../x', 'x/y/z', '%2F', 'ä'.repeat(40)]
    await store.write(
      place,
      odd.map((id) => put(id, { id })),
    )
    for (const id of odd) expect((await store.get(place, id))?.fields).toEqual({ document: { id } })
    expect(await store.get({ workspace: 'main', collection: 'note' }, 's/x')).toBeUndefined()
    expect(await store.list({ workspace: 'main', collection: 'note' }, { limit: 9, after: '', search: [] })).toEqual([])
    // Of another place, although its name begins as this one does.
    await store.write({ workspace: 'main', collection: 'notes2' }, [put('a', {})])
    expect(await store.list(place, { limit: 99, after: '', search: [] })).toHaveLength(odd.length)
    expect(await store.list(place, { limit: 9, after: '', search: ['{"$ne'] })).toHaveLength(1)
    await close()
  })

  test('of a megabyte of small numbers are kept, which is what BSON makes largest', { timeout: 60_000 }, async () => {
    const { store, close } = await fresh()
    const large = (n: number): Fields => ({ list: Array.from({ length: 499_000 }, (_, i) => (i + n) % 10) })
    await store.write(place, [put('x', large(0))])
    await store.write(place, [put('x', large(1))])
    expect((await store.get(place, 'x'))?.fields).toEqual({ document: large(1) })
    await close()
  })

  test('have so many changes that wait that each of them fits, of a megabyte too', { timeout: 120_000 }, async () => {
    const { store, close } = await fresh()
    const large = (n: number): Fields => ({ text: `${n}`.repeat(990_000) })
    for (let n = 0; n < 8; n++) await store.write(place, [put('x', large(n))])
    expect((await store.get(place, 'x'))?.fields).toEqual({ document: large(7) })
    // More would not fit.
    await expect(store.write(place, [put('x', large(8))])).rejects.toMatchObject({ problem: 'limit.queue_full' })
    const [first] = await store.takeOutbox(1, 60_000)
    expect(first?.fields).toEqual({ document: large(0) })
    await store.markSent([first?.key ?? ''])
    await store.write(place, [put('x', large(8))])
    expect((await store.get(place, 'x'))?.version).toBe(9)
    await close()
  })

  test('that two marked as sent at the same time are left alone afterwards', async () => {
    const { store, mongo, close } = await fresh()
    await store.write(place, [put('x', {})])
    // As where each took the other's change for one that is left.
    await mongo.use((db) => db.collection('documents').updateMany({}, { $set: { outbox: [] } }))
    expect(await store.takeOutbox(5, 1)).toEqual([])
    expect(await mongo.use((db) => db.collection('documents').countDocuments({ freeAt: { $exists: true } }))).toBe(0)
    await close()
  })
})
