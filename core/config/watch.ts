import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { ControlDb } from '../storage/control.ts'
import { changeBounds, changesAfter, type ChangeRow } from './store.ts'

const maxChanges = 1_000

export interface Deps {
  readonly db: ControlDb
}

export interface Feed {
  readonly cursor: string
  readonly reset: boolean
  readonly changes: readonly ChangeRow[]
}

/**
 * What changed after a cursor, at once. A cursor that is empty, not ours, or older than what is kept, and a reader
 * too far behind, get `reset`: forget everything. Only edges may ask: the feed spans workspaces.
 */
export async function watch({ db }: Deps, ctx: Context, since: string): Promise<Feed> {
  if (!ctx.actor.scopes.includes('internal:edge')) {
    throw new Failure('auth.scope', 'Only edges may read the change feed.')
  }
  const bounds = await changeBounds(db)
  const reset = { cursor: String(bounds.newest), reset: true, changes: [] }
  if (!/^\d{1,15}$/.test(since)) return reset
  const from = Number(since)
  // Ids are given in order, so one below the oldest that is kept may hide a gap; one above the newest is another store's.
  if (from > bounds.newest || from < bounds.oldest - 1) return reset
  const changes = await changesAfter(db, from, maxChanges + 1)
  if (changes.length > maxChanges) return reset
  return { cursor: String(changes.at(-1)?.id ?? from), reset: false, changes }
}
