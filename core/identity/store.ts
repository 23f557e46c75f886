import { and, asc, desc, eq, gt, inArray, lt, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { keys, workspaces } from './schema.ts'

export type KeyRow = typeof keys.$inferSelect
export type NewKeyRow = typeof keys.$inferInsert
export type WorkspaceRow = typeof workspaces.$inferSelect

type Db = ControlDb | ControlTx

/** Undefined where there is a key of the same hash. */
export async function insertKey(db: Db, row: NewKeyRow): Promise<KeyRow | undefined> {
  const [stored] = await db.insert(keys).values(row).onConflictDoNothing().returning()
  return stored
}

/** Ends a key at a moment, unless it ends before, in favour of another. */
export async function setReplaced(db: Db, workspace: string, id: string, by: string, at: Date): Promise<void> {
  await db
    .update(keys)
    .set({ replacedBy: by, expiresAt: sql`least(${keys.expiresAt}, ${at.toISOString()}::timestamptz)` })
    .where(and(eq(keys.workspace, workspace), eq(keys.id, id)))
}

/** Notes that keys were used; those of other workspaces, and what are not keys, are not there. */
export async function setUsed(db: Db, workspace: string, ids: readonly string[], at: Date): Promise<void> {
  await db
    .update(keys)
    .set({ usedAt: at })
    .where(and(eq(keys.workspace, workspace), inArray(keys.id, [...ids])))
}

export async function keyByHash(
  db: Db,
  hash: string,
): Promise<{ readonly key: KeyRow; readonly workspace: WorkspaceRow } | undefined> {
  const [row] = await db
    .select({ key: keys, workspace: workspaces })
    .from(keys)
    .innerJoin(workspaces, eq(workspaces.name, keys.workspace))
    .where(eq(keys.hash, hash))
  return row
}

export async function keyById(db: Db, workspace: string, id: string): Promise<KeyRow | undefined> {
  const [row] = await db
    .select()
    .from(keys)
    .where(and(eq(keys.workspace, workspace), eq(keys.id, id)))
  return row
}

export async function keyWithWorkspace(
  db: Db,
  workspace: string,
  id: string,
): Promise<{ readonly key: KeyRow; readonly workspace: WorkspaceRow } | undefined> {
  const [row] = await db
    .select({ key: keys, workspace: workspaces })
    .from(keys)
    .innerJoin(workspaces, eq(workspaces.name, keys.workspace))
    .where(and(eq(keys.workspace, workspace), eq(keys.id, id)))
  return row
}

/** The key's row, held until the transaction ends. */
export async function lockKey(tx: ControlTx, workspace: string, id: string): Promise<KeyRow | undefined> {
  const [row] = await tx
    .select()
    .from(keys)
    .where(and(eq(keys.workspace, workspace), eq(keys.id, id)))
    .for('update')
  return row
}

/** Newest first; `after` is the last id of the page before. */
export async function keysOf(db: Db, workspace: string, limit: number, after: string): Promise<KeyRow[]> {
  return db
    .select()
    .from(keys)
    .where(and(eq(keys.workspace, workspace), after === '' ? undefined : lt(keys.id, after)))
    .orderBy(desc(keys.id))
    .limit(limit)
}

export async function setRevoked(db: Db, workspace: string, id: string, at: Date): Promise<KeyRow | undefined> {
  const [row] = await db
    .update(keys)
    .set({ revokedAt: at })
    .where(and(eq(keys.workspace, workspace), eq(keys.id, id)))
    .returning()
  return row
}

export async function insertWorkspace(db: Db, name: string): Promise<WorkspaceRow | undefined> {
  const [row] = await db.insert(workspaces).values({ name }).onConflictDoNothing().returning()
  return row
}

/** By name; `only` bounds them to those named. */
export async function workspacesAfter(
  db: Db,
  limit: number,
  after: string,
  only: readonly string[] | undefined,
): Promise<WorkspaceRow[]> {
  return db
    .select()
    .from(workspaces)
    .where(and(gt(workspaces.name, after), only === undefined ? undefined : inArray(workspaces.name, [...only])))
    .orderBy(asc(workspaces.name))
    .limit(limit)
}

export async function setCorsOrigins(
  db: Db,
  workspace: string,
  origins: readonly string[],
): Promise<WorkspaceRow | undefined> {
  const [row] = await db
    .update(workspaces)
    .set({ corsOrigins: [...origins] })
    .where(eq(workspaces.name, workspace))
    .returning()
  return row
}
