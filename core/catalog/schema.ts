import {
  bigserial,
  boolean,
  customType,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'
import type { ResourceName } from './resources.ts'
import type { Fields } from './store.ts'

/** In the order of its bytes, wherever the database was made. */
const bytewise = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' })

/** What every entry has. One that was deleted stays, empty, so that its versions go on. */
const common = {
  workspace: text('workspace').notNull(),
  version: integer('version').notNull(),
  deleted: boolean('deleted').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull(),
  updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull(),
  /** What a search looks in. */
  words: text('words').notNull(),
}

export const products = pgTable(
  'catalog_products',
  {
    ...common,
    id: bytewise('sku').notNull(),
    name: text('name').notNull(),
    price: numeric('price'),
    currency: text('currency'),
    category: text('category').notNull(),
    attributes: jsonb('attributes').$type<Fields>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.id] })],
)

export const items = pgTable(
  'catalog_items',
  {
    ...common,
    id: bytewise('id').notNull(),
    title: text('title').notNull(),
    tags: jsonb('tags').$type<readonly string[]>().notNull(),
    categories: jsonb('categories').$type<readonly string[]>().notNull(),
    attributes: jsonb('attributes').$type<Fields>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.id] })],
)

export const documents = pgTable(
  'catalog_documents',
  {
    ...common,
    collection: text('collection').notNull(),
    id: bytewise('id').notNull(),
    document: jsonb('document').$type<Fields>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.collection, table.id] })],
)

/** Changes that nobody was told of yet, written with what changed. */
export const outbox = pgTable(
  'catalog_outbox',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    resource: text('resource').$type<ResourceName>().notNull(),
    workspace: text('workspace').notNull(),
    collection: text('collection').notNull(),
    id: text('id').notNull(),
    version: integer('version').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull(),
    updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull(),
    /** Null: it was deleted. */
    fields: jsonb('fields').$type<Fields>(),
    /** Whoever took it has until then to send it. */
    leasedUntil: timestamp('leased_until', { withTimezone: true }).notNull(),
  },
  (table) => [index('catalog_outbox_next').on(table.resource, table.seq)],
)
