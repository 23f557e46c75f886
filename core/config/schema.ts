import { sql } from 'drizzle-orm'
import { bigserial, index, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'

/** The change feed: a row for each thing that edges may hold and that is no longer what it was. */
export const changes = pgTable(
  'config_changes',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    kind: text('kind', {
      enum: ['key', 'query', 'workspace', 'stream', 'session', 'issuer', 'route', 'limit'],
    }).notNull(),
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    at: timestamp('at', { withTimezone: true })
      .notNull()
      .default(sql`now()`),
  },
  (table) => [index('config_changes_at').on(table.at)],
)

/** Streams, queries and models of a workspace share one namespace, because SQL does. */
export const names = pgTable(
  'config_names',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    kind: text('kind', { enum: ['stream', 'query'] }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] })],
)
