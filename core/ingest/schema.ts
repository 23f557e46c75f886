import { index, integer, jsonb, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'
import type { Column, OnUnknown } from './definition.ts'

/** Streams: what was declared or inferred. The table and the topic are made from this, so it is written first. */
export const streams = pgTable(
  'ingest_streams',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    columns: jsonb('columns').$type<Column[]>().notNull(),
    orderBy: text('order_by').array().notNull(),
    partitionBy: text('partition_by').notNull(),
    ttl: text('ttl').notNull(),
    id: text('id').notNull(),
    time: text('time').notNull(),
    onUnknown: text('on_unknown').$type<OnUnknown>().notNull(),
    jsonSchema: text('json_schema').notNull(),
    version: integer('version').notNull(),
    /** What was begun: whoever finds a stream that is not `ready` finishes it first. */
    state: text('state', { enum: ['ready', 'making', 'deleting'] }).notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] })],
)

/** The first answer to each Idempotency-Key, for a day. */
export const answers = pgTable(
  'ingest_answers',
  {
    workspace: text('workspace').notNull(),
    stream: text('stream').notNull(),
    key: text('key').notNull(),
    /** Of the body and how it was sent. */
    digest: text('digest').notNull(),
    answer: jsonb('answer').notNull(),
    at: timestamp('at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.workspace, table.stream, table.key] }),
    index('ingest_answers_at').on(table.at),
  ],
)
