import { fileURLToPath } from 'node:url'
import type { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import type { Migrations } from '../control.ts'
import type { Connection, Connections } from './connections.ts'

/**
 * Brings every domain's tables up to date, one process at a time: the others wait, and find it done. What a domain lacks is
 * one transaction, so that one that fails leaves nothing. Needs two connections.
 */
export async function migrateAll(
  connections: Connections,
  over: (connection: Connection) => ReturnType<typeof drizzle>,
  migrations: readonly Migrations[],
): Promise<void> {
  await connections.use(async (holder) => {
    // The lock is a transaction's, not a session's: whatever happens to its connection, it is let go of.
    await holder.query('begin')
    await holder.query(`select pg_advisory_xact_lock(hashtextextended('edgewise/migrations', 0))`)
    // Its own transactions are begun on what it is given, which must be one connection.
    await connections.use((connection) => each(over(connection), migrations))
    await holder.query('commit')
  })
}

async function each(db: ReturnType<typeof drizzle>, migrations: readonly Migrations[]): Promise<void> {
  for (const { domain, folder } of migrations) {
    await migrate(db, {
      migrationsFolder: fileURLToPath(folder),
      migrationsSchema: 'migrations',
      migrationsTable: domain,
    }).catch((cause: unknown) => Promise.reject(new Error(`the migrations of ${domain} failed`, { cause })))
  }
}
