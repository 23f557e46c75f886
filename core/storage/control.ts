import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import type { Db } from 'pg-boss'

/**
 * The control store: what people configure, as opposed to what they send. PostgreSQL's dialect; embedded it is
 * PGlite. Domains know only this type.
 */
export type ControlDb = PgDatabase<PgQueryResultHKT, Record<string, never>>

/** Inside `db.transaction(async (tx) => …)`. */
export type ControlTx = Parameters<Parameters<ControlDb['transaction']>[0]>[0]

/** A domain's own migrations: a folder made by drizzle-kit, applied in order and remembered under the domain's name. */
export interface Migrations {
  readonly domain: string
  readonly folder: URL
}

/** A control store that is open, every domain's tables up to date. */
export interface Control {
  readonly db: ControlDb
  /** What the job queue asks it by. */
  readonly jobs: { readonly db: Db; readonly backend: 'pglite' | 'postgres' }
  /** Nobody else can have it open: what is under way in it is this process's. */
  readonly isAlone: boolean
  /** Whether it answers now, within a moment. */
  ping(): Promise<boolean>
  close(): Promise<void>
}
