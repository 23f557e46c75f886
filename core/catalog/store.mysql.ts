import { and, asc, eq, gt, inArray, like, lt, sql } from 'drizzle-orm'
import { Failure } from '#mesh/errors.ts'
import { isCollision } from '../storage/mysql/collisions.ts'
import type { MysqlDb, MysqlTx } from '../storage/mysql/connect.ts'
import { decide, entryOf, type Kept } from './decide.ts'
import { items, outbox } from './schema.mysql.ts'
import type { CatalogStore, Change, Place, Write, Written } from './store.ts'

type Row = typeof items.$inferSelect

/** Of one statement: together they stay below the 16 MB that servers take at once. */
const rowsAtOnce = 50

/** Items in MySQL, or in MariaDB. */
export function mysqlStore(db: MysqlDb): CatalogStore {
  return {
    resource: 'items',
    async get(place, id) {
      const [row] = await db
        .select()
        .from(items)
        .where(and(within(place), eq(items.id, id), eq(items.deleted, false)))
      return row && entryOf(keptOf(row))
    },
    async list(place, { limit, after, search }) {
      const rows = await db
        .select()
        .from(items)
        .where(
          and(
            within(place),
            eq(items.deleted, false),
            gt(items.id, after),
            ...search.map((word) => like(items.words, `%${word.replace(/[\\%_]/g, '\\$&')}%`)),
          ),
        )
        .orderBy(asc(items.id))
        .limit(limit)
      return rows.map((row) => entryOf(keptOf(row)))
    },
    async write(place, writes) {
      try {
        return await db.transaction((tx) => writeOnce(tx, place, writes))
      } catch (thrown) {
        if (!isCollision(thrown)) throw thrown
        throw new Failure('request.aborted', 'Another change of the same was made at the same time.', { cause: thrown })
      }
    },
    takeOutbox: (limit, leaseMs) =>
      db.transaction(async (tx) => {
        const rows = await tx
          .select()
          .from(outbox)
          .where(lt(outbox.leasedUntil, sql`utc_timestamp(3)`))
          .orderBy(asc(outbox.seq))
          .limit(limit)
          .for('update', { skipLocked: true })
        const taken = rows.map(({ seq }) => seq)
        const until = sql`utc_timestamp(3) + interval ${leaseMs * 1_000} microsecond`
        if (taken.length > 0) await tx.update(outbox).set({ leasedUntil: until }).where(inArray(outbox.seq, taken))
        return rows.map(changeOf)
      }),
    async markSent(keys) {
      if (keys.length > 0) await db.delete(outbox).where(inArray(outbox.seq, keys.map(Number)))
    },
  }
}

async function writeOnce(tx: MysqlTx, place: Place, writes: readonly Write[]): Promise<readonly Written[]> {
  const ids = writes.map(({ id }) => id)
  const rows = await tx
    .select()
    .from(items)
    .where(and(within(place), inArray(items.id, ids)))
    .orderBy(asc(items.id))
    .for('update')
  const before = new Map(rows.map((row) => [row.id, keptOf(row)]))
  const now = new Date()
  const decided = writes.map((write) => ({ ...decide(before.get(write.id), write, now), words: write.words }))
  const next = decided
    .flatMap(({ next: kept, words }) => (kept === undefined ? [] : [rowOf(place, kept, words)]))
    // In one order, so that two that write the same wait for each other in turn.
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  // Of what was not there another may have made one since, which ends this: it is done again then, and finds it.
  for (const some of inParts(next.filter(({ id }) => !before.has(id)))) await tx.insert(items).values(some)
  for (const some of inParts(next.filter(({ id }) => before.has(id)))) {
    await tx.insert(items).values(some).onDuplicateKeyUpdate({ set: replaced })
  }
  const waiting = decided.flatMap(({ next: kept }) => (kept === undefined ? [] : [waitingOf(place, kept)]))
  for (const some of inParts(waiting)) await tx.insert(outbox).values(some)
  return decided.map(({ outcome, entry }) => ({ outcome, entry }))
}

/** Locked, so it is what it was. */
const replaced = Object.fromEntries(
  (['version', 'deleted', 'createdAt', 'updatedAt', 'words', 'title', 'tags', 'categories', 'attributes'] as const).map(
    (column) => [column, sql.raw(`values(\`${items[column].name}\`)`)],
  ),
)

function* inParts<T>(rows: readonly T[]): Iterable<T[]> {
  for (let from = 0; from < rows.length; from += rowsAtOnce) yield rows.slice(from, from + rowsAtOnce)
}

function within({ workspace }: Place) {
  return eq(items.workspace, workspace)
}

function keptOf({ id, version, createdAt, updatedAt, deleted, ...row }: Row): Kept {
  const { title, tags, categories, attributes } = row
  return { id, version, createdAt, updatedAt, deleted, fields: { title, tags, categories, attributes } }
}

function rowOf({ workspace }: Place, { fields, ...kept }: Kept, words: string): Row {
  const { title = '', tags = [], categories = [], attributes = {} } = fields as Partial<Row>
  return { workspace, ...kept, words: kept.deleted ? '' : words, title, tags, categories, attributes }
}

function waitingOf({ workspace }: Place, { deleted, fields, ...kept }: Kept): typeof outbox.$inferInsert {
  return { workspace, ...kept, fields: deleted ? null : fields, leasedUntil: new Date(0) }
}

function changeOf({ seq, fields, ...row }: typeof outbox.$inferSelect): Change {
  const { workspace, id, version, createdAt, updatedAt } = row
  return { key: String(seq), workspace, collection: '', id, version, createdAt, updatedAt, fields: fields ?? undefined }
}
