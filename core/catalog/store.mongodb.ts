import { setTimeout as sleep } from 'node:timers/promises'
import { type Collection, type Filter, MongoBulkWriteError } from 'mongodb'
import { Failure } from '#mesh/errors.ts'
import type { Mongo, MongoIndexes } from '../storage/mongodb/connect.ts'
import { decide } from './decide.ts'
import {
  type Before,
  entryOf,
  hasRoom,
  keptOf,
  keyOf,
  type Stored,
  storedOf,
  shownOf,
  type Waiting,
} from './document.mongodb.ts'
import { forget, take } from './outbox.mongodb.ts'
import type { CatalogStore, Change, List, Place, Write, Written } from './store.ts'

const maxAttempts = 8
const longestPauseMs = 50
/** Of a batch: in memory at once, each of up to 1 MB, and replaced at the same time. */
const inMemory = 64
const atOnce = 16
const retryAfterMs = 1_000
/** Of a page: a search may have to look at every document of its collection. */
const maxTimeMS = 8_000
const duplicate = 11_000

type Ask = <T>(work: (documents: Collection<Stored>) => Promise<T>) => Promise<T>

/** What there is to find changes by; the rest is found by `_id`. */
export const mongoIndexes: readonly MongoIndexes[] = [
  { collection: 'documents', indexes: [{ key: { freeAt: 1 }, sparse: true }] },
]

/** Documents in MongoDB. It needs no transactions, which a server alone does not have. */
export function mongoStore(mongo: Mongo): CatalogStore {
  const ask: Ask = (work) => mongo.use((db) => work(db.collection<Stored>('documents')))
  return {
    resource: 'documents',
    get: (place, id) =>
      ask(async (documents) => {
        const found = await documents.findOne({ _id: keyOf(place, id), deleted: false }, { projection: shown })
        return found === null ? undefined : entryOf(found)
      }),
    list: (place, list) => ask(async (documents) => (await page(documents, place, list)).map(entryOf)),
    async write(place, writes) {
      const written: Written[] = []
      for (let from = 0; from < writes.length; from += inMemory)
        written.push(...(await writeAll(ask, place, writes.slice(from, from + inMemory))))
      return written
    },
    async takeOutbox(limit, leaseMs) {
      const changes: Change[] = []
      for (let isAlone = false; !isAlone && changes.length < limit;) {
        const taken = await ask((documents) => take(documents, limit - changes.length, leaseMs))
        changes.push(...taken.changes)
        isAlone = taken.isAlone
      }
      return changes
    },
    async markSent(keys) {
      if (keys.length > 0) await ask((documents) => forget(documents, keys))
    },
  }
}

/** Each is written whole or not at all; those that another wrote meanwhile are looked at again. */
async function writeAll(ask: Ask, place: Place, writes: readonly Write[]): Promise<readonly Written[]> {
  const done = new Map<string, Written>()
  for (let left = writes, attempt = 1; ; attempt++) {
    const written = await ask((documents) => writeOnce(documents, place, left))
    for (const [id, one] of written) done.set(id, one)
    left = left.filter(({ id }) => !done.has(id))
    if (left.length === 0) return writes.map(({ id }) => done.get(id) as Written)
    if (attempt === maxAttempts)
      throw new Failure('request.aborted', 'Another change of the same was made at the same time.')
    await sleep(Math.random() * longestPauseMs)
  }
}

const shown = { outbox: 0, words: 0 } as const

function page(documents: Collection<Stored>, place: Place, { limit, after, search }: List) {
  const filter: Filter<Stored> = {
    // `0` is what comes after `/`, which no workspace and no collection has.
    _id: { $gt: keyOf(place, after), $lt: `${place.workspace}/${place.collection}0` },
    deleted: false,
    ...(search.length > 0 && { $and: search.map((word) => ({ words: { $regex: literal(word) } })) }),
  }
  return documents.find(filter, { projection: shown, maxTimeMS }).sort({ _id: 1 }).limit(limit).toArray()
}

/** A pattern that finds the text and nothing else. */
function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/#-]/g, '\\$&')
}

/** What became of each; those are absent that another wrote since they were looked at. */
async function writeOnce(documents: Collection<Stored>, place: Place, writes: readonly Write[]) {
  const found = await documents
    .find<Before>(
      { _id: { $in: writes.map(({ id }) => keyOf(place, id)) } },
      {
        projection: { words: 0, 'outbox.fields': 0, 'outbox.createdAt': 0, 'outbox.updatedAt': 0, 'outbox.version': 0 },
      },
    )
    .toArray()
  const before = new Map(found.map((one) => [one.id, one]))
  const now = new Date()
  const done = new Map<string, Written>()
  const made: { readonly id: string; readonly stored: Stored; readonly written: Written }[] = []
  const changed: typeof made = []
  for (const write of writes) {
    const known = before.get(write.id)
    const { outcome, entry, next } = decide(known && keptOf(known), write, now)
    const written = { outcome, entry: entry && shownOf(entry) }
    if (next === undefined) done.set(write.id, written)
    else {
      const one = { id: write.id, stored: storedOf(place, next, next.deleted ? '' : write.words, now), written }
      if (known !== undefined && !hasRoom(known, one.stored)) throw full()
      if (known === undefined) made.push(one)
      else changed.push(one)
    }
  }
  const taken = await insert(
    documents,
    made.map(({ stored }) => stored),
  )
  for (const [i, { id, written }] of made.entries()) if (!taken.has(i)) done.set(id, written)
  for (let from = 0; from < changed.length; from += atOnce) {
    const some = changed.slice(from, from + atOnce)
    const fits = await Promise.all(some.map(({ stored }) => replace(documents, stored)))
    for (const [i, { id, written }] of some.entries()) if (fits[i] === true) done.set(id, written)
  }
  return done
}

/** The places of those that another made meanwhile. */
async function insert(documents: Collection<Stored>, stored: readonly Stored[]): Promise<ReadonlySet<number>> {
  if (stored.length === 0) return new Set()
  try {
    await documents.insertMany(stored, { ordered: false })
    return new Set()
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error
    const errors = [error.writeErrors].flat()
    if (errors.length === 0 || errors.some(({ code }) => code !== duplicate)) throw error
    return new Set(errors.map(({ index }) => index))
  }
}

/** Whether the version of before was there still. */
async function replace(documents: Collection<Stored>, stored: Stored): Promise<boolean> {
  const { _id, version, deleted, createdAt, updatedAt, document, words, outbox, freeAt } = stored
  const { matchedCount } = await documents.updateOne(
    { _id, version: version - 1 },
    {
      $set: { version, deleted, createdAt, updatedAt, document, words },
      $push: { outbox: outbox[0] as Waiting },
      // Whoever has taken the one before has it still.
      $max: { freeAt: freeAt as Date },
    },
  )
  return matchedCount === 1
}

function full(): Failure {
  return new Failure('limit.queue_full', 'Too many changes of a document wait to be told of already.', { retryAfterMs })
}
