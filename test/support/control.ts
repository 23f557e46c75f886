import { hash, randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import type { Control, Migrations } from '../../core/storage/control.ts'
import { openPglite } from '../../core/storage/pglite/connect.ts'
import { openPostgres } from '../../core/storage/postgres/connect.ts'
import { parseDatabaseUrl } from '../../core/storage/postgres/url.ts'

/** The engine that suites run on; PGlite without one. `npm run test:engines` sets it. */
const server = process.env['TEST_DATABASE_URL'] || undefined

/** A control store of one's own with the tables of these domains: in memory, or a fresh database of the server. */
export function freshControl(migrations: readonly Migrations[]): Promise<Control> {
  return server === undefined ? openPglite('memory://', migrations) : freshDatabase(server, migrations)
}

async function freshDatabase(url: string, migrations: readonly Migrations[]): Promise<Control> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await asAdministrator(url, `create database ${name}`)
  const control = await openPostgres(databaseUrl(url, name), migrations, pino({ level: 'silent' }))
  return {
    ...control,
    async close() {
      await control.close()
      await asAdministrator(url, `drop database ${name} with (force)`)
    },
  }
}

/** The environment of a core whose data are in a directory: on a server, a database that goes with it. */
export async function controlEnv(directory: string): Promise<Readonly<Record<string, string>>> {
  if (server === undefined) return {}
  const name = `data_${hash('sha256', directory).slice(0, 32)}`
  await asAdministrator(server, `create database ${name}`).catch((error: unknown) => {
    // Begun again on the same directory.
    if ((error as { readonly code?: string }).code !== '42P04') throw error
  })
  const url = new URL(server)
  url.pathname = name
  return { DATABASE_URL: url.href }
}

/** The same server's other database. */
export function databaseUrl(url: string, database?: string) {
  const other = new URL(url)
  if (database !== undefined) other.pathname = database
  const parsed = parseDatabaseUrl(other.href)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

async function asAdministrator(url: string, sql: string): Promise<void> {
  const { host, port, user, password, database } = databaseUrl(url)
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
