import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import type { Pool } from 'mysql2/promise'
import type { Migrations } from '../control.ts'
import { untilAlone } from './collisions.ts'
import { type Connection, type Connections, openConnections } from './connections.ts'
import { migrateAll } from './migrate.ts'
import { makePool } from './pool.ts'
import { cannotOpen, checkServer } from './start.ts'
import type { MysqlUrl } from './url.ts'

/** How long a request waits for a server that does not take connections, before it is answered 503. */
const patienceMs = 1_000
const pingMs = 2_000
/** What a migration may take, and waiting for another process that migrates. */
const migrationMs = 600_000

export type MysqlDb = MySql2Database

/** Inside `db.transaction(async (tx) => …)`. */
export type MysqlTx = Parameters<Parameters<MysqlDb['transaction']>[0]>[0]

/** A MySQL or a MariaDB that answered once. */
export interface Mysql {
  readonly db: MysqlDb
  /** Whether it takes writes now, within a moment. */
  ping(): Promise<boolean>
  close(): Promise<void>
}

/**
 * Opens a database of a MySQL or MariaDB server, and brings every domain's tables up to date. Throws a DatabaseError that says
 * what to do where it cannot.
 */
export async function openMysql(url: MysqlUrl, migrations: readonly Migrations[]): Promise<Mysql> {
  let pool: Pool
  try {
    await briefly({ ...url, statementTimeoutMs: migrationMs }, async (connections) => {
      await checkServer(connections)
      await migrateAll(connections, url.database, migrations)
    })
    pool = makePool(url)
  } catch (error) {
    throw cannotOpen(url, error)
  }
  const connections = openConnections(pool, url, patienceMs)
  return {
    db: dbOver(connections),
    ping: () =>
      Promise.race([
        checkServer(connections).then(
          () => true,
          () => false,
        ),
        after(pingMs),
      ]),
    close: () => pool.end(),
  }
}

/** Fails, as opening it would, where the server cannot be used; changes nothing. */
export async function askMysql(url: MysqlUrl): Promise<void> {
  await briefly(url, checkServer).catch((error: unknown) => Promise.reject(cannotOpen(url, error)))
}

/** By connections of its own, which end with the work. */
async function briefly(url: MysqlUrl, work: (connections: Connections) => Promise<void>): Promise<void> {
  const pool = makePool({ ...url, poolSize: 1 })
  try {
    await work(openConnections(pool, url, url.connectTimeoutMs))
  } finally {
    await pool.end()
  }
}

function dbOver(connections: Connections): MysqlDb {
  const db = over({ query: (options, values) => connections.use((connection) => connection.query(options, values)) })
  db.transaction = (work, config) =>
    untilAlone(() => connections.use((connection) => over(connection).transaction(work, config)))
  return db
}

function over(connection: Connection): MysqlDb {
  return drizzle({ client: connection as unknown as Pool })
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false).unref())
}
