import { chmodSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import { fromPglite } from 'pg-boss'
import type { Control, ControlDb, Migrations } from '../control.ts'

/**
 * V8 may end the process where it gives back the memory of code that it has compiled anew, which PGlite is the one to make
 * it do (https://github.com/nodejs/node/issues/64500). So it keeps that, some megabytes.
 */
setFlagsFromString('--no-wasm-code-gc')

/**
 * Opens PostgreSQL in process, its files in `directory`, and brings every domain's tables up to date.
 * It has one connection, and no lock on its directory: the caller holds the data directory's.
 */
export async function openPglite(directory: string, migrations: readonly Migrations[]): Promise<Control> {
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
  return {
    db: db as unknown as ControlDb,
    jobs: { db: fromPglite(client), backend: 'pglite' },
    isAlone: true,
    // In process: what would end it ends the core.
    ping: async () => true,
    close: () => client.close(),
  }
}
