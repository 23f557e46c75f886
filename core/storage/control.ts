import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

/**
 * The control store: what people configure, as opposed to what they send. PostgreSQL's dialect; embedded it is
 * PGlite. Domains know only this type.
 */
export type ControlDb = PgDatabase<PgQueryResultHKT, Record<string, never>>

/** Inside `db.transaction(async (tx) => …)`. */
export type ControlTx = Parameters<Parameters<ControlDb['transaction']>[0]>[0]
