import { and, asc, eq, gt, inArray, like, lt, sql } from 'drizzle-orm'
import { Failure } from '#mesh/errors.ts'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { decide, entryOf, type Kept } from './decide.ts'
import type { ResourceName } from './resources.ts'
import { documents, items, outbox, products } from './schema.ts'
import type { CatalogStore, Change, Fields, Place, Write, Written } from './store.ts'

type ProductRow = typeof products.$inferSelect
/** What the rows of each table have. */
type Row = Pick<ProductRow, 'workspace' | 'id' | 'version' | 'deleted' | 'createdAt' | 'updatedAt' | 'words'> & Fields

interface Table {
  /** They differ in columns that only `columns` and `fields` know; a collection some have, and some not. */
  readonly table: typeof products & { readonly collection?: typeof documents.collection }
  /** Of one that was deleted the fields are empty. */
  columns(fields: Fields): Fields
  fields(row: Row): Fields
}

const tables: Readonly<Record<ResourceName, Table>> = {
  products: {
    table: products,
    columns: ({ name = '', price = null, currency = null, category = '', attributes = {} }) => ({
      name,
      price,
      currency,
      category,
      attributes,
    }),
    fields: ({ name, price, currency, category, attributes }) => ({ name, price, currency, category, attributes }),
  },
  items: {
    table: items as unknown as Table['table'],
    columns: ({ title = '', tags = [], categories = [], attributes = {} }) => ({ title, tags, categories, attributes }),
    fields: ({ title, tags, categories, attributes }) => ({ title, tags, categories, attributes }),
  },
  documents: {
    table: documents as unknown as Table['table'],
    columns: ({ document = {} }) => ({ document }),
    fields: ({ document }) => ({ document }),
  },
}

const maxAttempts = 5

/** Entries in PostgreSQL, or in PGlite. */
export function postgresStore(db: ControlDb, resource: ResourceName): CatalogStore {
  const { table, columns, fields } = tables[resource]
  const within = ({ workspace, collection }: Place) =>
    and(eq(table.workspace, workspace), table.collection && eq(table.collection, collection))
  const keptOf = (row: Row): Kept => {
    const { id, version, createdAt, updatedAt, deleted } = row
    return { id, version, createdAt, updatedAt, deleted, fields: fields(row) }
  }

  /** Undefined where another has written one of them since: whatever this one did is to be taken back. */
  async function writeOnce(tx: ControlTx, place: Place, writes: readonly Write[]): Promise<readonly Written[]> {
    const ids = writes.map(({ id }) => id)
    const rows = await tx
      .select()
      .from(table)
      .where(and(within(place), inArray(table.id, ids)))
      .orderBy(asc(table.id))
      .for('update')
    const before = new Map(rows.map((row) => [row.id, keptOf(row as Row)]))
    const now = new Date()
    const decided = writes.map((write) => ({ ...decide(before.get(write.id), write, now), words: write.words }))
    const next = decided.flatMap(({ next: kept, words }) => (kept === undefined ? [] : [{ ...kept, words }]))
    if (next.length > 0) {
      await upsert(tx, place, next)
      await tx.insert(outbox).values(next.map((kept) => waiting(resource, place, kept)))
    }
    return decided.map(({ outcome, entry }) => ({ outcome, entry }))
  }

  async function upsert(tx: ControlTx, place: Place, next: readonly (Kept & { readonly words: string })[]) {
    const rows = next
      // In one order, so that two that write the same wait for each other in turn.
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ fields: said, words, ...kept }) => ({
        ...place,
        ...kept,
        words: kept.deleted ? '' : words,
        ...columns(said),
      }))
    const [first] = rows
    const set = Object.fromEntries(
      Object.keys(first ?? {})
        .filter((name) => name in table && !['workspace', 'collection', 'id'].includes(name))
        .map((name) => {
          const column = table[name as keyof ProductRow]
          return [name, sql.raw(`excluded."${column.name}"`)]
        }),
    )
    const stored = await tx
      .insert(table)
      .values(rows as unknown as ProductRow[])
      .onConflictDoUpdate({
        target: [table.workspace, ...(table.collection ? [table.collection] : []), table.id],
        set,
        setWhere: eq(table.version, sql`excluded.version - 1`),
      })
      .returning({ id: table.id })
    if (stored.length < rows.length) throw new Collision('another made it meanwhile')
  }

  return {
    resource,
    async get(place, id) {
      const [row] = await db
        .select()
        .from(table)
        .where(and(within(place), eq(table.id, id), eq(table.deleted, false)))
      return row && entryOf(keptOf(row))
    },
    async list(place, { limit, after, search }) {
      const rows = await db
        .select()
        .from(table)
        .where(
          and(
            within(place),
            eq(table.deleted, false),
            gt(table.id, after),
            ...search.map((word) => like(table.words, `%${word.replace(/[\\%_]/g, '\\$&')}%`)),
          ),
        )
        .orderBy(asc(table.id))
        .limit(limit)
      return rows.map((row) => entryOf(keptOf(row as Row)))
    },
    async write(place, writes) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await db.transaction((tx) => writeOnce(tx, place, writes))
        } catch (thrown) {
          if (!(thrown instanceof Collision)) throw thrown
          if (attempt === maxAttempts) {
            throw new Failure('request.aborted', 'Another change of the same was made at the same time.', {
              cause: thrown,
            })
          }
        }
      }
    },
    async takeOutbox(limit, leaseMs) {
      const free = db
        .select({ seq: outbox.seq })
        .from(outbox)
        .where(and(eq(outbox.resource, resource), lt(outbox.leasedUntil, sql`now()`)))
        .orderBy(asc(outbox.seq))
        .limit(limit)
        .for('update', { skipLocked: true })
      const rows = await db
        .update(outbox)
        .set({ leasedUntil: sql`now() + ${leaseMs} * interval '1 millisecond'` })
        .where(inArray(outbox.seq, free))
        .returning()
      return rows.toSorted((a, b) => a.seq - b.seq).map(changeOf)
    },
    async markSent(keys) {
      if (keys.length > 0) await db.delete(outbox).where(inArray(outbox.seq, keys.map(Number)))
    },
  }
}

/** A row that was not there when it was looked for, and is there now. */
class Collision extends Error {}

function waiting(resource: ResourceName, place: Place, { deleted, ...entry }: Kept): typeof outbox.$inferInsert {
  const { id, version, createdAt, updatedAt, fields } = entry
  const said = deleted ? null : fields
  return { resource, ...place, id, version, createdAt, updatedAt, fields: said, leasedUntil: new Date(0) }
}

function changeOf({ seq, fields, ...row }: typeof outbox.$inferSelect): Change {
  const { workspace, collection, id, version, createdAt, updatedAt } = row
  return { key: String(seq), workspace, collection, id, version, createdAt, updatedAt, fields: fields ?? undefined }
}
