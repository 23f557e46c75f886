import { index, integer, jsonb, pgTable, primaryKey, text, timestamp, uniqueIndex } from 'drizzle-orm/pg-core'
import type { Member } from './group.ts'

/** A workspace's own topics. They are in the log, which holds what was produced. */
export const topics = pgTable(
  'kafka_topics',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    /** The name with `_` for `.`: Kafka holds names for the same that differ in that only. */
    place: text('place').notNull(),
    partitions: integer('partitions').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.workspace, table.name] }),
    uniqueIndex('kafka_topics_place').on(table.workspace, table.place),
  ],
)

/** Who reads for a group now. What it has committed is in the log. */
export const groups = pgTable(
  'kafka_groups',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    members: jsonb('members').$type<readonly (readonly [string, Member])[]>().notNull(),
    /** Grows with every change: whoever changes it says which one was read. */
    version: integer('version').notNull(),
    usedAt: timestamp('used_at', { withTimezone: true }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] }), index('kafka_groups_used_at').on(table.usedAt)],
)
