import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'
import type { AnomalySeries } from './anomaly/train.ts'
import type { ModelOptions } from './statements/options.ts'

/** What USING said, as JSON can hold it. */
export interface StoredOptions extends Omit<ModelOptions, 'monotone'> {
  readonly monotone?: Readonly<Record<string, 1 | -1>>
}

/** What a version is trained by: the statement, parsed. */
export interface ModelDefinition {
  /** The training query, as its author wrote it. */
  readonly sql: string
  /** Undefined: segments. */
  readonly target?: string
  readonly orderBy?: string
  readonly groupBy?: readonly string[]
  readonly window?: number
  readonly horizon?: number
  readonly options: StoredOptions
}

/** A name, and which of its versions predicts. */
export const models = pgTable(
  'model_models',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    /** Null: none yet. */
    live: integer('live'),
    /** The one that was before it; null: none. */
    previous: integer('previous'),
    newest: integer('newest').notNull(),
    /** Of the newest version: what a RETRAIN begins with. */
    definition: jsonb('definition').$type<ModelDefinition>().notNull(),
    /** Trained anew so often; null: when told to. */
    everyMs: bigint('every_ms', { mode: 'number' }),
    /** Of the rows that it answers: so many are recorded as they were served. */
    logShare: doublePrecision('log_share').notNull().default(0),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.name] })],
)

export type VersionStatus = 'training' | 'ready' | 'failed' | 'cancelled'

export const versions = pgTable(
  'model_versions',
  {
    workspace: text('workspace').notNull(),
    name: text('name').notNull(),
    version: integer('version').notNull(),
    status: text('status').$type<VersionStatus>().notNull(),
    job: text('job').notNull(),
    definition: jsonb('definition').$type<ModelDefinition>().notNull(),
    /** The next four are there once it is ready. SHA-256 of its file, which is its name in the object store. */
    sha256: text('sha256'),
    bytes: integer('bytes'),
    engine: text('engine'),
    card: json('card').$type<Readonly<Record<string, unknown>>>(),
    /** It was better than the naive answer. */
    beatsBaseline: boolean('beats_baseline'),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.workspace, table.name, table.version] }),
    index('model_versions_sha256').on(table.sha256),
  ],
)

export type RolloutStatus = 'running' | 'paused' | 'done' | 'rolled back' | 'aborted'

/**
 * How a version gets the traffic, step by step; or is scored in the shadow of the one that has it. A model has one at a
 * time that has not ended.
 */
export const rollouts = pgTable(
  'model_rollouts',
  {
    id: text('id').primaryKey(),
    workspace: text('workspace').notNull(),
    model: text('model').notNull(),
    version: integer('version').notNull(),
    /** The one that predicted before. */
    base: integer('base').notNull(),
    status: text('status').$type<RolloutStatus>().notNull(),
    /** Percents, and which of them holds. */
    steps: jsonb('steps').$type<readonly number[]>().notNull(),
    step: integer('step').notNull(),
    everyMs: bigint('every_ms', { mode: 'number' }).notNull(),
    /** Of the rows that are answered: so many are scored as well, and none is answered by it. Null: it gets traffic. */
    shadow: doublePrecision('shadow'),
    /** A SELECT whose first value must be true for it to go on. */
    gate: text('gate'),
    /** Why it ended, or what the gate said last. */
    reason: text('reason').notNull(),
    /** Checks of the gate in a row that could not be made. */
    failures: integer('failures').notNull(),
    /** As whom the gate reads: an Actor as JSON. */
    owner: jsonb('owner').notNull(),
    requestId: text('request_id').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
    stepAt: timestamp('step_at', { withTimezone: true }).notNull(),
    endedAt: timestamp('ended_at', { withTimezone: true }),
  },
  (table) => [index('model_rollouts_of').on(table.workspace, table.model)],
)

export type WatchStatus = 'watching' | 'paused'

/** An anomaly model that looks, every so often, at what came since. */
export const watches = pgTable(
  'model_watches',
  {
    workspace: text('workspace').notNull(),
    model: text('model').notNull(),
    everyMs: bigint('every_ms', { mode: 'number' }).notNull(),
    status: text('status').$type<WatchStatus>().notNull(),
    /** The version that `series` go on from. */
    version: integer('version').notNull(),
    /** Where each series stands. */
    series: json('series').$type<readonly AnomalySeries[]>().notNull(),
    /** The time of the newest point that was judged. */
    seenMs: bigint('seen_ms', { mode: 'number' }).notNull(),
    /** Up to here a version of before has said what there was to say. */
    toldMs: bigint('told_ms', { mode: 'number' }).notNull(),
    /** How many were raised since the watch was set. */
    alarms: integer('alarms').notNull(),
    /** Looks in a row that failed by what does not pass by itself; and why the last one did, whatever it was. */
    failures: integer('failures').notNull(),
    reason: text('reason').notNull(),
    /** As whom it looks: an Actor as JSON. */
    owner: jsonb('owner').notNull(),
    requestId: text('request_id').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
    dueAt: timestamp('due_at', { withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.workspace, table.model] }),
    index('model_watches_due').on(table.status, table.dueAt),
  ],
)

export type JobStatus = 'queued' | 'running' | 'done' | 'failed' | 'cancelled'

/** What is seen of a training while it goes on, and after it. */
export const jobs = pgTable(
  'model_jobs',
  {
    id: text('id').primaryKey(),
    workspace: text('workspace').notNull(),
    model: text('model').notNull(),
    version: integer('version').notNull(),
    status: text('status').$type<JobStatus>().notNull(),
    phase: text('phase').notNull(),
    percent: integer('percent').notNull(),
    /** As whom it reads: an Actor as JSON. */
    owner: jsonb('owner').notNull(),
    requestId: text('request_id').notNull(),
    errorCode: text('error_code').notNull(),
    error: text('error').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
    startedAt: timestamp('started_at', { withTimezone: true }),
    endedAt: timestamp('ended_at', { withTimezone: true }),
  },
  (table) => [index('model_jobs_of').on(table.workspace, table.model, table.version)],
)
