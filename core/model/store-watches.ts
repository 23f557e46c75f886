import { and, asc, eq, lte } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { watches } from './schema.ts'

export type WatchRow = typeof watches.$inferSelect

type Db = ControlDb | ControlTx

const ofModel = (workspace: string, model: string) => and(eq(watches.workspace, workspace), eq(watches.model, model))

export async function findWatch(db: Db, workspace: string, model: string): Promise<WatchRow | undefined> {
  const [row] = await db.select().from(watches).where(ofModel(workspace, model))
  return row
}

/** Of each workspace the one whose time came first: the longest due first. */
export async function listDueWatches(
  db: Db,
  now: Date,
  limit: number,
): Promise<readonly Pick<WatchRow, 'workspace' | 'model'>[]> {
  const { workspace, model, dueAt } = watches
  const due = await db
    .selectDistinctOn([workspace], { workspace, model, dueAt })
    .from(watches)
    .where(and(eq(watches.status, 'watching'), lte(dueAt, now)))
    .orderBy(asc(workspace), asc(dueAt))
    .limit(limit)
  return due.toSorted((a, b) => a.dueAt.getTime() - b.dueAt.getTime())
}

export async function upsertWatch(tx: ControlTx, row: WatchRow): Promise<void> {
  const { workspace: _, model: __, ...changed } = row
  await tx
    .insert(watches)
    .values(row)
    .onConflictDoUpdate({ target: [watches.workspace, watches.model], set: changed })
}

/** Changes a watch that nobody has set anew or dropped in the meantime; false: somebody has. */
export async function updateWatch(
  db: Db,
  { workspace, model, createdAt }: Pick<WatchRow, 'workspace' | 'model' | 'createdAt'>,
  set: Partial<Omit<WatchRow, 'workspace' | 'model' | 'createdAt'>>,
): Promise<boolean> {
  const rows = await db
    .update(watches)
    .set(set)
    .where(and(ofModel(workspace, model), eq(watches.createdAt, createdAt)))
    .returning({ model: watches.model })
  return rows.length > 0
}

export async function deleteWatchRow(tx: ControlTx, workspace: string, model: string): Promise<boolean> {
  const rows = await tx.delete(watches).where(ofModel(workspace, model)).returning({ model: watches.model })
  return rows.length > 0
}
