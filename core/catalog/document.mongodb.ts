import type { Kept } from './decide.ts'
import { decodeKeys, encodeKeys } from './keys.mongodb.ts'
import type { Change, Entry, Fields, Place } from './store.ts'

/** A change that nobody was told of yet: it is written with the document, as one, whatever the server can. */
export interface Waiting {
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly bytes: number
  /** As JSON, which BSON may make six times as large; null: it was deleted. */
  readonly fields: string | null
}

export interface Stored {
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
export type Before = Omit<Stored, 'words' | 'outbox' | 'taker'> & { readonly outbox: readonly Pick<Waiting, 'bytes'>[] }

/** A document of 1 MB is up to 6 MB of BSON; with what waits it stays below the 16 MB that MongoDB takes. */
const maxWaitingBytes = 8_000_000
const maxWaiting = 100

export function keyOf({ workspace, collection }: Place, id: string): string {
  return `${workspace}/${collection}/${id}`
}

/** That of before counts what waits: each change makes another version, and others only take from it. */
export function hasRoom({ outbox }: Before, next: Stored): boolean {
  const bytes = [...outbox, ...next.outbox].reduce((sum, change) => sum + change.bytes, 0)
  return bytes <= maxWaitingBytes && outbox.length < maxWaiting
}

export function storedOf({ workspace, collection }: Place, next: Kept, words: string, freeAt: Date): Stored {
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

export function keptOf({ id, version, deleted, createdAt, updatedAt, document }: Omit<Before, 'outbox'>): Kept {
  return { id, version, deleted, createdAt, updatedAt, fields: { document: decodeKeys(document) } }
}

export function entryOf(stored: Omit<Before, 'outbox'>): Entry {
  return shownOf(keptOf(stored))
}

export function shownOf({ id, version, createdAt, updatedAt, fields }: Entry): Entry {
  return { id, version, createdAt, updatedAt, fields }
}

export function changeOf({ _id, workspace, collection, id, outbox }: Stored): readonly Change[] {
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
