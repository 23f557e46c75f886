import { integer, jsonb, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'
import type { ParameterRule } from './params.ts'

/** What a version is made of: two of the same are one version. */
export interface QueryDefinition {
  readonly sql: string
  readonly parameters: readonly ParameterRule[]
  readonly cache: {
    readonly ttlSeconds: number
    readonly staleWhileRevalidateSeconds: number
    readonly staleIfErrorSeconds: number
  }
  readonly limit: { readonly requests: number; readonly windowSeconds: number; readonly cost: number }
  readonly description: string
}

export interface QueryColumn {
  readonly name: string
  readonly type: string
}

/** A name, and which of its versions answers. It stays when it is unpublished: a version's number is never given twice. */
export const queries = pgTable(
  'query_queries',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    /** Null: unpublished. */
    live: integer('live'),
    newest: integer('newest').notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] })],
)

/** Never changed once written. */
export const versions = pgTable(
  'query_versions',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    version: integer('version').notNull(),
    /** SHA-256 of the definition. */
    digest: text('digest').notNull(),
    definition: jsonb('definition').$type<QueryDefinition>().notNull(),
    columns: jsonb('columns').$type<readonly QueryColumn[]>().notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name, table.version] })],
)
