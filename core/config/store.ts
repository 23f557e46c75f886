import { and, asc, eq, gt, inArray, lt, max, min, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { changes, names } from './schema.ts'

export type ChangeKind = (typeof changes.$inferSelect)['kind']
export type NameKind = (typeof names.$inferSelect)['kind']
export type ChangeRow = typeof changes.$inferSelect

/**
 * Others that change something wait from here on until the transaction ends: a reader goes on from the last id that it has
 * seen, so none may become visible after a later one. To be called after what else is locked, but for the audit log.
 */
export async function insertChange(
  tx: ControlTx,
  change: { readonly kind: ChangeKind; readonly workspace: string; readonly name: string },
): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended('config/changes', 0))`)
  await tx.insert(changes).values(change)
}

export async function changesAfter(db: ControlDb, id: number, limit: number): Promise<ChangeRow[]> {
  return db.select().from(changes).where(gt(changes.id, id)).orderBy(asc(changes.id)).limit(limit)
}

/** The ids between which the feed still has everything. */
export async function changeBounds(db: ControlDb): Promise<{ readonly oldest: number; readonly newest: number }> {
  const [row] = await db.select({ oldest: min(changes.id), newest: max(changes.id) }).from(changes)
  return { oldest: row?.oldest ?? 0, newest: row?.newest ?? 0 }
}

/** Drops what is older than any edge may lag, but for the newest row, which holds the place. */
export async function deleteChangesBefore(db: ControlDb, before: Date): Promise<void> {
  await db.delete(changes).where(and(lt(changes.at, before), sql`${changes.id} < (select max(id) from config_changes)`))
}

/** The kind that holds the name now: the one that was there, or else the one given. It stays so until the transaction ends. */
export async function insertName(tx: ControlTx, workspace: string, name: string, kind: NameKind): Promise<NameKind> {
  const [row] = await tx
    .insert(names)
    .values({ workspace, name, kind })
    .onConflictDoUpdate({ target: [names.workspace, names.name], set: { kind: sql`${names.kind}` } })
    .returning({ kind: names.kind })
  return row?.kind ?? kind
}

/** What kind of thing each of these names is of; a name that is free is absent. */
export async function kindsOf(
  db: ControlDb,
  workspace: string,
  named: readonly string[],
): Promise<ReadonlyMap<string, NameKind>> {
  const rows = await db
    .select({ name: names.name, kind: names.kind })
    .from(names)
    .where(and(eq(names.workspace, workspace), inArray(names.name, [...named])))
  return new Map(rows.map(({ name, kind }) => [name, kind]))
}

export async function deleteName(tx: ControlTx, workspace: string, name: string): Promise<void> {
  await tx.delete(names).where(and(eq(names.workspace, workspace), eq(names.name, name)))
}
