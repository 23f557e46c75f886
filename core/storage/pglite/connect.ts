import { chmodSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { fromPglite, type Db } from 'pg-boss'
import { migrate } from 'drizzle-orm/pglite/migrator'
import type { ControlDb } from '../control.ts'

/** A domain's own migrations: a folder made by drizzle-kit, applied in order and remembered under the domain's name. */
export interface Migrations {
  readonly domain: string
  readonly folder: URL
}

/**
 * Opens PostgreSQL in process, its files in `directory`, and brings every domain's tables up to date.
 * It has one connection, and no lock on its directory: the caller holds the data directory's.
 */
export async function openPglite(
  directory: string,
  migrations: readonly Migrations[],
): Promise<{ readonly db: ControlDb; readonly jobs: Db; close(): Promise<void> }> {
  // It makes its files for everyone to write, so who can reach them is decided here, whatever the directory above allows.
  if (!directory.startsWith('memory://')) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    chmodSync(directory, 0o700)
  }
  const client = await PGlite.create({ dataDir: directory })
  const db = drizzle({ client })
  for (const { domain, folder } of migrations) {
    await migrate(db, {
      migrationsFolder: fileURLToPath(folder),
      migrationsSchema: 'migrations',
      migrationsTable: domain,
    })
  }
  return { db: db as unknown as ControlDb, jobs: fromPglite(client), close: () => client.close() }
}
