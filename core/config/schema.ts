import { sql } from 'drizzle-orm'
import {
  bigserial,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core'

/** The change feed: a row for each thing that edges may hold and that is no longer what it was. */
export const changes = pgTable(
  'config_changes',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    kind: text('kind', {
      enum: ['key', 'query', 'workspace', 'stream', 'session', 'issuer', 'route', 'limit', 'model'],
    }).notNull(),
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    at: timestamp('at', { withTimezone: true })
      .notNull()
      .default(sql`now()`),
  },
  (table) => [index('config_changes_at').on(table.at)],
)

/** Streams, queries and models of a workspace share one namespace, because SQL does; topics too, as streams are produced to. */
export const names = pgTable(
  'config_names',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    kind: text('kind', { enum: ['stream', 'query', 'model', 'topic'] }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] })],
)

export interface RouteDefinition {
  readonly upstream: string
  /** Empty: all. */
  readonly methods: readonly string[]
  readonly keepPath: boolean
  readonly public: boolean
  readonly timeoutMs: number
  readonly retries: number
  readonly cache?: {
    readonly ttlSeconds: number
    readonly staleWhileRevalidateSeconds: number
    readonly staleIfErrorSeconds: number
  }
  readonly limit?: { readonly requests: number; readonly windowSeconds: number; readonly cost: number }
  readonly removeHeaders: readonly string[]
  readonly description: string
}

/** Where requests below a path go. One route for each path. */
export const routes = pgTable(
  'config_routes',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    version: integer('version').notNull(),
    /** `/` or `/shop/v1`. */
    path: text('path').notNull(),
    definition: jsonb('definition').$type<RouteDefinition>().notNull(),
    /** The headers that are set: their names, and all of their values as one sealed JSON object. */
    headerNames: jsonb('header_names').$type<readonly string[]>().notNull(),
    sealedHeaders: text('sealed_headers').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.workspace, table.name] }),
    uniqueIndex('config_routes_path').on(table.workspace, table.path),
  ],
)

/** Limits that services of the workspace ask for. `burst` 0: as many as in a window. */
export const namedLimits = pgTable(
  'config_limits',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    requests: integer('requests').notNull(),
    windowSeconds: integer('window_seconds').notNull(),
    burst: integer('burst').notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] })],
)

/** What one process at a time does for all of them: whose turn it is, and until when. */
export const leases = pgTable('config_leases', {
  name: text('name').primaryKey(),
  holder: text('holder').notNull(),
  until: timestamp('until', { withTimezone: true }).notNull(),
})
