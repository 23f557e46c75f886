import { drizzle } from 'drizzle-orm/node-postgres'
import type { Logger } from 'pino'
import type { Pool } from 'pg'
import type { Control, ControlDb, Migrations } from '../control.ts'
import { untilAlone } from './collisions.ts'
import { type Connection, type Connections, openConnections } from './connections.ts'
import { migrateAll } from './migrate.ts'
import { makePool } from './pool.ts'
import { checkServer, cannotOpen } from './start.ts'
import type { DatabaseUrl } from './url.ts'

/** How long a request waits for a server that does not take connections, before it is answered 503. */
const patienceMs = 1_000
const pingMs = 2_000
/** What a migration may take, and waiting for another process that migrates. */
const migrationMs = 600_000

/**
 * Opens a control store on a PostgreSQL server, or on Neon, and brings every domain's tables up to date. Throws a
 * DatabaseError that says what to do where it cannot.
 */
export async function openPostgres(url: DatabaseUrl, migrations: readonly Migrations[], log: Logger): Promise<Control> {
  let pool: Pool
  try {
    await prepare(url, migrations)
    pool = makePool(url)
  } catch (error) {
    throw cannotOpen(url, error)
  }
  pool.on('error', (error) => log.warn({ err: error }, 'a connection to the control store was lost'))
  const connections = openConnections(pool, patienceMs)
  return {
    db: dbOver(connections),
    // Without a LISTEN of its own, which no pooler in between would let through: the queue is asked every two seconds.
    jobs: { db: { executeSql: (text, values) => connections.query(text, values) }, backend: 'postgres' },
    isAlone: false,
    async ping() {
      const writable = connections.query('select not pg_is_in_recovery() as ok').then(
        ({ rows: [row] }) => (row as { readonly ok: boolean }).ok,
        () => false,
      )
      return Promise.race([writable, after(pingMs)])
    },
    close: () => pool.end(),
  }
}

/** Fails, as opening it would, where the server cannot be used; changes nothing. */
export async function askServer(url: DatabaseUrl): Promise<void> {
  await briefly(url, checkServer).catch((error: unknown) => Promise.reject(cannotOpen(url, error)))
}

async function prepare(url: DatabaseUrl, migrations: readonly Migrations[]): Promise<void> {
  const slow = { ...url, poolSize: 2, statementTimeoutMs: migrationMs, idleTransactionTimeoutMs: migrationMs }
  await briefly(slow, async (connections) => {
    await checkServer(connections)
    await migrateAll(connections, over, migrations)
  })
}

/** By connections of its own, which end with the work. */
async function briefly(url: DatabaseUrl, work: (connections: Connections) => Promise<void>): Promise<void> {
  const pool = makePool(url)
  pool.on('error', () => undefined)
  try {
    await work(openConnections(pool, url.connectTimeoutMs))
  } finally {
    await pool.end()
  }
}

/** drizzle's own transactions over a pool keep a connection for good where `begin` fails, so connections are lent here. */
function dbOver(connections: Connections): ControlDb {
  const db = controlOver(connections)
  db.transaction = (work, config) =>
    untilAlone(() => connections.use((connection) => controlOver(connection).transaction(work, config)))
  return db
}

function controlOver(connection: Connection): ControlDb {
  return over(connection) as unknown as ControlDb
}

function over(connection: Connection): ReturnType<typeof drizzle> {
  return drizzle({ client: connection as Pool })
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false).unref())
}
