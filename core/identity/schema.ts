import { sql } from 'drizzle-orm'
import { index, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** Tenants. */
export const workspaces = pgTable('identity_workspaces', {
  name: text('name').primaryKey(),
  corsOrigins: text('cors_origins')
    .array()
    .notNull()
    .default(sql`'{}'`),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})

/** API keys, without their text: only its SHA-256 is here. Revoked ones stay, so that their id still says whose it was. */
export const keys = pgTable(
  'identity_keys',
  {
    /** `key_…`; sorts by the time it was made. */
    id: text('id').primaryKey(),
    workspace: text('workspace')
      .notNull()
      .references(() => workspaces.name),
    name: text('name').notNull(),
    prefix: text('prefix').notNull(),
    hash: text('hash').notNull().unique(),
    scopes: text('scopes').array().notNull(),
    plan: jsonb('plan').$type<{ name: string; requests: number; windowSeconds: number }>().notNull(),
    params: jsonb('params').$type<Record<string, string>>().notNull(),
    filters: jsonb('filters').$type<{ stream: string; column: string; values: string[] }[]>().notNull(),
    /** The actor that made it; null for the first of a workspace. */
    createdBy: text('created_by'),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    expiresAt: timestamp('expires_at', { withTimezone: true }),
    revokedAt: timestamp('revoked_at', { withTimezone: true }),
  },
  (table) => [index('identity_keys_workspace').on(table.workspace, table.id)],
)
