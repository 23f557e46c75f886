import { bigint, boolean, customType, datetime, int, mysqlTable, primaryKey } from 'drizzle-orm/mysql-core'
import type { Fields } from './store.ts'

/** In the order of its bytes, whatever the database's own is. */
const name = (length: number) =>
  customType<{ data: string }>({ dataType: () => `varchar(${length}) CHARACTER SET ascii COLLATE ascii_bin` })
const characters = customType<{ data: string }>({
  dataType: () => 'mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
})

/** MySQL gives it parsed, MariaDB as text. */
function json<T>(column: string) {
  return customType<{ data: T; driverData: string }>({
    dataType: () => 'json',
    toDriver: (value) => JSON.stringify(value),
    fromDriver: (value: unknown) => (typeof value === 'string' ? JSON.parse(value) : value) as T,
  })(column)
}

export const items = mysqlTable(
  'catalog_items',
  {
    workspace: name(48)('workspace').notNull(),
    id: name(128)('id').notNull(),
    version: int('version').notNull(),
    deleted: boolean('deleted').notNull(),
    createdAt: datetime('created_at', { fsp: 3 }).notNull(),
    updatedAt: datetime('updated_at', { fsp: 3 }).notNull(),
    /** What a search looks in. */
    words: characters('words').notNull(),
    title: characters('title').notNull(),
    tags: json<readonly string[]>('tags').notNull(),
    categories: json<readonly string[]>('categories').notNull(),
    attributes: json<Fields>('attributes').notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.id] })],
)

/** Changes that nobody was told of yet, written with what changed. */
export const outbox = mysqlTable('catalog_outbox', {
  seq: bigint('seq', { mode: 'number' }).autoincrement().primaryKey(),
  workspace: name(48)('workspace').notNull(),
  id: name(128)('id').notNull(),
  version: int('version').notNull(),
  createdAt: datetime('created_at', { fsp: 3 }).notNull(),
  updatedAt: datetime('updated_at', { fsp: 3 }).notNull(),
  /** Null: it was deleted. */
  fields: json<Fields>('fields'),
  /** Whoever took it has until then to send it. */
  leasedUntil: datetime('leased_until', { fsp: 3 }).notNull(),
})
