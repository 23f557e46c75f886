import type { ResourceName } from './resources.ts'

/** Where entries are told apart by their id. `collection` is a document's; empty for what has none. */
export interface Place {
  readonly workspace: string
  readonly collection: string
}

/** What an entry says: an object of JSON, as its resource has it. */
export type Fields = Readonly<Record<string, unknown>>

/** A product, an item or a document. */
export interface Entry {
  readonly id: string
  /** From 1, one more with each change; an id that is used again after a deletion goes on where it was. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly fields: Fields
}

/** Something to be done with one entry. */
export interface Write {
  readonly id: string
  /** Undefined: delete it. */
  readonly fields: Fields | undefined
  /** What a search looks in, in lower case. */
  readonly words: string
  /** Only where this is its version now; 0: only where there is none. Undefined: whatever there is. */
  readonly ifVersion: number | undefined
}

export interface Written {
  /** `same`: it said that already, so nothing was written and nothing happened. */
  readonly outcome: 'written' | 'same' | 'conflict'
  /** As it is now; undefined where there is none. */
  readonly entry: Entry | undefined
}

/** What happened to an entry, for others to be told. */
export interface Change {
  /** What `markSent` calls it. */
  readonly key: string
  readonly workspace: string
  readonly collection: string
  readonly id: string
  readonly version: number
  readonly createdAt: Date
  /** When it happened. */
  readonly updatedAt: Date
  /** Undefined: it was deleted. */
  readonly fields: Fields | undefined
}

export interface List {
  readonly limit: number
  /** Ids that come after this one; all of them after the empty one. */
  readonly after: string
  /** Entries whose words hold each of these, wherever in them. In lower case; none: all entries. */
  readonly search: readonly string[]
}

/** Keeps the entries of one resource, whatever the engine. `test/contract/catalog-store.ts` is what it promises. */
export interface CatalogStore {
  readonly resource: ResourceName
  get(place: Place, id: string): Promise<Entry | undefined>
  /** By id, byte by byte. */
  list(place: Place, list: List): Promise<readonly Entry[]>
  /**
   * Does all of these or, where it fails, begins none that is not whole: an entry and its change in the outbox are one. Each
   * id is there once. Answers in the order of the writes. Where another writes the same at the same time, one is after the
   * other, or it fails with `request.aborted`.
   */
  write(place: Place, writes: readonly Write[]): Promise<readonly Written[]>
  /**
   * Lends changes that nobody was told of, of any workspace, older ones first: to nobody else for so long, or until they
   * are marked as sent. Those of one entry may be lent to two at once: by their versions one can tell which is the later.
   */
  takeOutbox(limit: number, leaseMs: number): Promise<readonly Change[]>
  markSent(keys: readonly string[]): Promise<void>
}
