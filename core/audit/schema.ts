import { bigint, index, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { origin } from '../chain.ts'

/** The end of each chain. Whoever appends holds its row until the end of the transaction, so a chain never forks. */
export const heads = pgTable('audit_heads', {
  /** Empty for the chain of the installation. */
  workspace: text('workspace').primaryKey(),
  seq: bigint('seq', { mode: 'number' }).notNull(),
  hash: text('hash').notNull().default(origin.hash),
  /** The last entry that was removed from the front: what is there is verified from it. */
  prunedSeq: bigint('pruned_seq', { mode: 'number' }).notNull().default(0),
  prunedHash: text('pruned_hash').notNull().default(origin.hash),
  /** The same, sealed: whoever can write here only cannot make the front look pruned. */
  prunedSeal: text('pruned_seal').notNull().default(''),
  /** The last entry that is in the stream `_audit`. */
  shippedSeq: bigint('shipped_seq', { mode: 'number' }).notNull().default(0),
})

/** Who did what, and who was refused what. Never changed. */
export const entries = pgTable(
  'audit_entries',
  {
    workspace: text('workspace').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    at: timestamp('at', { withTimezone: true, precision: 3 }).notNull(),
    actor: text('actor').notNull(),
    /** The method of the API: `create_key`; for what an edge refused, the route. */
    action: text('action').notNull(),
    /** `key/key_…`, `query/top_pages`. */
    resource: text('resource').notNull(),
    outcome: text('outcome', { enum: ['done', 'refused'] }).notNull(),
    code: text('code').notNull(),
    /** Canonical JSON: the text that was hashed. */
    detail: text('detail').notNull(),
    requestId: text('request_id').notNull(),
    hash: text('hash').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.workspace, table.seq] }),
    index('audit_entries_at').on(table.workspace, table.at),
    index('audit_entries_actor').on(table.workspace, table.actor, table.seq),
    index('audit_entries_resource').on(table.workspace, table.resource, table.seq),
  ],
)

/** Changes outside this store that have begun, and are no entries yet. */
export const intents = pgTable('audit_intents', {
  id: uuid('id').primaryKey().defaultRandom(),
  workspace: text('workspace').notNull(),
  actor: text('actor').notNull(),
  action: text('action').notNull(),
  resource: text('resource').notNull(),
  /** JSON. */
  detail: text('detail').notNull(),
  requestId: text('request_id').notNull(),
  /** Whoever began it has given up by then: what is left was cut short. */
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull().defaultNow(),
})
