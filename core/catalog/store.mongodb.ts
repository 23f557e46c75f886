import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Collection, type Filter, MongoBulkWriteError } from 'mongodb'
import { Failure } from '#mesh/errors.ts'
import type { Mongo, MongoIndexes } from '../storage/mongodb/connect.ts'
import { decide, type Kept } from './decide.ts'
import { decodeKeys, encodeKeys } from './keys.mongodb.ts'
import type { CatalogStore, Change, Entry, Fields, List, Place, Write, Written } from './store.ts'

/** A change that nobody was told of yet: it is written with the document, as one, whatever the server can. */
interface Waiting {
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly bytes: number
  /** As JSON, which BSON may make six times as large; null: it was deleted. */
  readonly fields: string | null
}

interface Kind {
  /** `workspace/collection/id`: unique, and in the order of pages. */
  readonly _id: string
  readonly workspace: string
  readonly collection: string
  readonly id: string
  readonly version: number
  readonly deleted: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly document: Fields
  readonly words: string
  /** Oldest first. */
  readonly outbox: readonly Waiting[]
  /** From when on the oldest of them may be taken; absent where there is none. */
  readonly freeAt?: Date
  /** Who took it last. */
  readonly taker?: string
}

/** What of a document has to be known to write it. */
type Before = Omit<Kind, 'words' | 'outbox' | 'taker'> & { readonly outbox: readonly Pick<Waiting, 'bytes'>[] }

/** A document of 1 MB is up to 6 MB of BSON; with what waits it stays below the 16 MB that MongoDB takes. */
const maxWaitingBytes = 8_000_000
const maxWaiting = 100
const maxAttempts = 8
const longestPauseMs = 50
/** Of a batch: in memory at once, each of up to 1 MB, and replaced at the same time. */
const inMemory = 64
const atOnce = 16
const retryAfterMs = 1_000
/** Of a page: a search may have to look at every document of its collection. */
const maxTimeMS = 8_000
const duplicate = 11_000

type Ask = <T>(work: (documents: Collection<Kind>) => Promise<T>) => Promise<T>

/** What there is to find changes by; the rest is found by `_id`. */
export const mongoIndexes: readonly MongoIndexes[] = [
  { collection: 'documents', indexes: [{ key: { freeAt: 1 }, sparse: true }] },
]

/** Documents in MongoDB. It needs no transactions, which a server alone does not have. */
export function mongoStore(mongo: Mongo): CatalogStore {
  const ask: Ask = (work) => mongo.use((db) => work(db.collection<Kind>('documents')))
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

function keyOf({ workspace, collection }: Place, id: string): string {
  return `${workspace}/${collection}/${id}`
}

function page(documents: Collection<Kind>, place: Place, { limit, after, search }: List) {
  const filter: Filter<Kind> = {
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
async function writeOnce(documents: Collection<Kind>, place: Place, writes: readonly Write[]) {
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
  const made: { readonly id: string; readonly kind: Kind; readonly written: Written }[] = []
  const changed: typeof made = []
  for (const write of writes) {
    const known = before.get(write.id)
    const { outcome, entry, next } = decide(known && keptOf(known), write, now)
    const written = { outcome, entry: entry && shownOf(entry) }
    if (next === undefined) done.set(write.id, written)
    else {
      const one = { id: write.id, kind: kindOf(place, next, next.deleted ? '' : write.words, now), written }
      if (known !== undefined && !hasRoom(known, one.kind)) throw full()
      if (known === undefined) made.push(one)
      else changed.push(one)
    }
  }
  const taken = await insert(
    documents,
    made.map(({ kind }) => kind),
  )
  for (const [i, { id, written }] of made.entries()) if (!taken.has(i)) done.set(id, written)
  for (let from = 0; from < changed.length; from += atOnce) {
    const some = changed.slice(from, from + atOnce)
    const fits = await Promise.all(some.map(({ kind }) => replace(documents, kind)))
    for (const [i, { id, written }] of some.entries()) if (fits[i] === true) done.set(id, written)
  }
  return done
}

/** The places of those that another made meanwhile. */
async function insert(documents: Collection<Kind>, kinds: readonly Kind[]): Promise<ReadonlySet<number>> {
  if (kinds.length === 0) return new Set()
  try {
    await documents.insertMany(kinds, { ordered: false })
    return new Set()
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error
    const errors = [error.writeErrors].flat()
    if (errors.length === 0 || errors.some(({ code }) => code !== duplicate)) throw error
    return new Set(errors.map(({ index }) => index))
  }
}

/** That of before counts what waits: each change makes another version, and others only take from it. */
function hasRoom({ outbox }: Before, next: Kind): boolean {
  const bytes = [...outbox, ...next.outbox].reduce((sum, change) => sum + change.bytes, 0)
  return bytes <= maxWaitingBytes && outbox.length < maxWaiting
}

/** Whether the version of before was there still. */
async function replace(documents: Collection<Kind>, kind: Kind): Promise<boolean> {
  const { _id, version, deleted, createdAt, updatedAt, document, words, outbox, freeAt } = kind
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

/** Takes so many changes, the oldest of each document. `isAlone`: nobody else took one of them at the same time. */
async function take(documents: Collection<Kind>, limit: number, leaseMs: number) {
  const now = new Date()
  const free = await documents
    .find({ freeAt: { $lte: now } }, { projection: { _id: 1 } })
    .sort({ freeAt: 1 })
    .limit(limit)
    .toArray()
  if (free.length === 0) return { changes: [], isAlone: true }
  const mine = { _id: { $in: free.map(({ _id }) => _id) } }
  const taker = randomUUID()
  // Another may have been quicker: each document is one's alone.
  await documents.updateMany(
    { ...mine, freeAt: { $lte: now } },
    { $set: { freeAt: new Date(now.getTime() + leaseMs), taker } },
  )
  const ofEach = Math.floor(limit / free.length)
  const taken = await documents
    .find({ ...mine, taker }, { projection: { workspace: 1, collection: 1, id: 1, outbox: { $slice: ofEach } } })
    .toArray()
  // Where two marked the last two at once, each took the other's for one that is left.
  if (taken.some(({ outbox }) => outbox.length === 0))
    await documents.updateMany({ ...mine, outbox: { $size: 0 } }, { $unset: { freeAt: '', taker: '' } })
  const changes = taken
    .flatMap(changeOf)
    .toSorted((a, b) => a.updatedAt.getTime() - b.updatedAt.getTime() || a.version - b.version)
  return { changes, isAlone: taken.length === free.length }
}

/** With the last of them there is nothing to take any more; else the next may be taken. */
async function forget(documents: Collection<Kind>, keys: readonly string[]): Promise<void> {
  const freeAt = new Date()
  const sent = keys.map((key) => {
    const slash = key.indexOf('/')
    return { _id: key.slice(slash + 1), version: Number(key.slice(0, slash)) }
  })
  await documents.bulkWrite(
    [...Map.groupBy(sent, ({ _id }) => _id)].flatMap(([_id, some]) => {
      const versions = some.map(({ version }) => version)
      const pull = { $pull: { outbox: { version: { $in: versions } } } }
      const isAll = { _id, outbox: { $size: versions.length }, 'outbox.version': { $all: versions } }
      const isSome = { _id, 'outbox.version': { $in: versions } }
      return [
        { updateOne: { filter: isAll, update: { ...pull, $unset: { freeAt: '', taker: '' } } } },
        { updateOne: { filter: isSome, update: { ...pull, $set: { freeAt } } } },
      ]
    }),
  )
}

function kindOf({ workspace, collection }: Place, next: Kept, words: string, freeAt: Date): Kind {
  const { id, version, deleted, createdAt, updatedAt, fields } = next
  const said = deleted ? null : JSON.stringify(fields)
  return {
    _id: keyOf({ workspace, collection }, id),
    workspace,
    collection,
    id,
    version,
    deleted,
    createdAt,
    updatedAt,
    document: encodeKeys(fields['document'] ?? {}) as Fields,
    words,
    outbox: [{ version, createdAt, updatedAt, bytes: Buffer.byteLength(said ?? ''), fields: said }],
    freeAt,
  }
}

function keptOf({ id, version, deleted, createdAt, updatedAt, document }: Omit<Before, 'outbox'>): Kept {
  return { id, version, deleted, createdAt, updatedAt, fields: { document: decodeKeys(document) } }
}

function entryOf(kind: Omit<Before, 'outbox'>): Entry {
  return shownOf(keptOf(kind))
}

function shownOf({ id, version, createdAt, updatedAt, fields }: Entry): Entry {
  return { id, version, createdAt, updatedAt, fields }
}

function changeOf({ _id, workspace, collection, id, outbox }: Kind): readonly Change[] {
  return outbox.map(({ version, createdAt, updatedAt, fields }) => ({
    key: `${version}/${_id}`,
    workspace,
    collection,
    id,
    version,
    createdAt,
    updatedAt,
    fields: fields === null ? undefined : (JSON.parse(fields) as Fields),
  }))
}

function full(): Failure {
  return new Failure('limit.queue_full', 'Too many changes of a document wait to be told of already.', { retryAfterMs })
}
