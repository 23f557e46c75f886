import { canonical } from '../chain.ts'
import type { Entry, Write, Written } from './store.ts'

/** An entry as stores keep it: one that was deleted keeps its place, so that its versions go on. */
export interface Kept extends Entry {
  readonly deleted: boolean
}

/** What of it is shown. */
export function entryOf({ id, version, createdAt, updatedAt, fields }: Kept): Entry {
  return { id, version, createdAt, updatedAt, fields }
}

/** What a write does to what is there. `next`: what is to be kept from now on, if anything. */
export function decide(
  before: Kept | undefined,
  { id, fields, ifVersion }: Write,
  now: Date,
): Written & { readonly next?: Kept } {
  const entry = before?.deleted === false ? entryOf(before) : undefined
  if (ifVersion !== undefined && ifVersion !== (entry?.version ?? 0)) return { outcome: 'conflict', entry }
  const version = (before?.version ?? 0) + 1
  if (fields === undefined) {
    if (entry === undefined) return { outcome: 'same', entry }
    // What it said goes with it.
    const next = { ...entry, version, updatedAt: now, fields: {}, deleted: true }
    return { outcome: 'written', entry: undefined, next }
  }
  if (entry !== undefined && canonical(entry.fields) === canonical(fields)) return { outcome: 'same', entry }
  const said = { id, version, createdAt: entry?.createdAt ?? now, updatedAt: now, fields }
  return { outcome: 'written', entry: said, next: { ...said, deleted: false } }
}
