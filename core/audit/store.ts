import { and, asc, desc, eq, gt, gte, lt, lte, max, sql } from 'drizzle-orm'
import { canonical, type ChainEntry, hashOf, type Link } from '../chain.ts'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { entries, heads, intents } from './schema.ts'

export type EntryRow = typeof entries.$inferSelect
export type HeadRow = typeof heads.$inferSelect
export type IntentRow = typeof intents.$inferSelect
export type NewEntry = Omit<ChainEntry, 'seq' | 'at'>

type Db = ControlDb | ControlTx

/** Adds to the end of a chain, as a part of the transaction: whoever else wants to waits for its end. */
export async function appendEntries(
  tx: ControlTx,
  workspace: string,
  added: readonly NewEntry[],
  at: Date = new Date(),
): Promise<void> {
  // This locks the row, so it comes first; the hash that it answers is the one before ours.
  const [head] = await tx
    .insert(heads)
    .values({ workspace, seq: added.length })
    .onConflictDoUpdate({ target: heads.workspace, set: { seq: sql`${heads.seq} + ${added.length}` } })
    .returning()
  if (head === undefined) throw new Error('the audit log has no head')
  let { hash } = head
  const rows = added.map((entry, i) => {
    const seq = head.seq - added.length + 1 + i
    hash = hashOf(hash, workspace, { ...entry, seq, at: at.toISOString() })
    return { ...entry, workspace, seq, at, detail: canonical(entry.detail), hash }
  })
  await tx.insert(entries).values(rows)
  await tx.update(heads).set({ hash }).where(eq(heads.workspace, workspace))
}

export interface EntryFilter {
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly outcome: '' | EntryRow['outcome']
  readonly from: Date | undefined
  readonly to: Date | undefined
}

/** Beyond `after`, in the order asked for; 0 is from the beginning. Empty fields of the filter hold for all. */
export async function entriesBeyond(
  db: Db,
  workspace: string,
  filter: EntryFilter,
  page: { readonly after: number; readonly limit: number; readonly oldestFirst: boolean },
): Promise<EntryRow[]> {
  const { actor, action, resource, outcome, from, to } = filter
  const beyond = page.oldestFirst ? gt(entries.seq, page.after) : lt(entries.seq, page.after)
  return db
    .select()
    .from(entries)
    .where(
      and(
        eq(entries.workspace, workspace),
        page.after === 0 ? undefined : beyond,
        actor === '' ? undefined : eq(entries.actor, actor),
        action === '' ? undefined : eq(entries.action, action),
        resource === '' ? undefined : eq(entries.resource, resource),
        outcome === '' ? undefined : eq(entries.outcome, outcome),
        from === undefined ? undefined : gte(entries.at, from),
        to === undefined ? undefined : lt(entries.at, to),
      ),
    )
    .orderBy(page.oldestFirst ? asc(entries.seq) : desc(entries.seq))
    .limit(page.limit)
}

export async function headOf(db: Db, workspace: string): Promise<HeadRow | undefined> {
  const [head] = await db.select().from(heads).where(eq(heads.workspace, workspace))
  return head
}

export async function allHeads(db: Db): Promise<HeadRow[]> {
  return db.select().from(heads).orderBy(asc(heads.workspace))
}

/** Those of workspaces of which the stream does not have everything. */
export async function unshipped(db: Db): Promise<HeadRow[]> {
  return db
    .select()
    .from(heads)
    .where(and(sql`${heads.workspace} <> ''`, lt(heads.shippedSeq, heads.seq)))
}

export async function setShipped(db: Db, workspace: string, seq: number): Promise<void> {
  // Another process may be further already.
  await db
    .update(heads)
    .set({ shippedSeq: seq })
    .where(and(eq(heads.workspace, workspace), lt(heads.shippedSeq, seq)))
}

/** The last entry before a time, no later than `through`. */
export async function lastBefore(db: Db, workspace: string, time: Date, through: number): Promise<Link | undefined> {
  const older = db
    .select({ seq: max(entries.seq) })
    .from(entries)
    .where(and(eq(entries.workspace, workspace), lt(entries.at, time), lte(entries.seq, through)))
  const [row] = await db
    .select({ seq: entries.seq, hash: entries.hash })
    .from(entries)
    .where(and(eq(entries.workspace, workspace), eq(entries.seq, sql`(${older})`)))
  return row
}

/** False where another process has removed as many already. */
export async function deleteThrough(
  tx: ControlTx,
  workspace: string,
  last: Link,
  prunedSeal: string,
): Promise<boolean> {
  const moved = await tx
    .update(heads)
    .set({ prunedSeq: last.seq, prunedHash: last.hash, prunedSeal })
    .where(and(eq(heads.workspace, workspace), lt(heads.prunedSeq, last.seq)))
    .returning({ seq: heads.seq })
  if (moved.length === 0) return false
  await tx.delete(entries).where(and(eq(entries.workspace, workspace), lte(entries.seq, last.seq)))
  return true
}

export async function setPrunedSeal(db: Db, { workspace, prunedSeal }: HeadRow, sealed: string): Promise<void> {
  await db
    .update(heads)
    .set({ prunedSeal: sealed })
    .where(and(eq(heads.workspace, workspace), eq(heads.prunedSeal, prunedSeal)))
}

export async function insertIntent(db: Db, intent: typeof intents.$inferInsert): Promise<IntentRow> {
  const [row] = await db.insert(intents).values(intent).returning()
  if (row === undefined) throw new Error('the intent was not written')
  return row
}

/** Those of before a time; all without one. */
export async function intentsBefore(db: Db, time: Date | undefined): Promise<IntentRow[]> {
  return db
    .select()
    .from(intents)
    .where(time === undefined ? undefined : lt(intents.expiresAt, time))
}

/** False where it is gone already. */
export async function deleteIntent(tx: ControlTx, { id }: IntentRow): Promise<boolean> {
  return (await tx.delete(intents).where(eq(intents.id, id)).returning()).length > 0
}
