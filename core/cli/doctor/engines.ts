import { isLocal } from '../../storage/parameters.ts'
import type { Finding } from '../doctor.ts'

const connectTimeoutMs = 3_000

/** Which engines are embedded, and whether those that are not answer. */
export async function checkEngines(env: Readonly<Record<string, string | undefined>>): Promise<readonly Finding[]> {
  return Promise.all([
    controlStore(env['DATABASE_URL'] || undefined),
    items(env['MYSQL_URL'] || undefined),
    documents(env['MONGODB_URL'] || undefined),
  ])
}

async function items(text: string | undefined): Promise<Finding> {
  if (text === undefined) {
    return {
      level: 'note',
      what: 'Items of the catalogue are in the control store.',
      mend: 'Set MYSQL_URL, for a MySQL or a MariaDB. Items that there are already stay where they are.',
    }
  }
  const [{ parseMysqlUrl }, { askMysql }] = await Promise.all([
    import('../../storage/mysql/url.ts'),
    import('../../storage/mysql/connect.ts'),
  ])
  const url = parseMysqlUrl(text)
  if (typeof url === 'string')
    return { level: 'broken', what: `MYSQL_URL ${url}`, mend: 'Write it as the README says.' }
  try {
    await askMysql({ ...url, connectTimeoutMs })
    const what = `Items are on MySQL at ${url.host}:${url.port}/${url.database}`
    const isChecked = url.tls === 'verify-ca' || url.tls === 'verify-identity'
    if (isChecked || url.socket !== undefined || isLocal(url.host)) return { level: 'ok', what }
    return {
      level: 'warning',
      what: `${what}, and nobody checks that it is (ssl-mode=${url.tls})`,
      mend: 'Say ssl-mode=verify-identity, with ssl-ca=FILE where its authority is not a public one.',
    }
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
}

async function controlStore(text: string | undefined): Promise<Finding> {
  if (text === undefined) {
    return {
      level: 'note',
      what: 'The embedded control store (PGlite: keys, queries) survives a crash of the process; a power cut may cost it the last moments.',
      mend: 'Keep backups of the data directory, taken while Edgewise is stopped; or set DATABASE_URL, for PostgreSQL or Neon.',
    }
  }
  // Loaded by who asks: the driver is more than the rest of the command line.
  const [{ parseDatabaseUrl }, { askServer }] = await Promise.all([
    import('../../storage/postgres/url.ts'),
    import('../../storage/postgres/connect.ts'),
  ])
  const url = parseDatabaseUrl(text)
  if (typeof url === 'string')
    return { level: 'broken', what: `DATABASE_URL ${url}`, mend: 'Write it as the README says.' }
  try {
    await askServer({ ...url, connectTimeoutMs })
    const what = `The control store is on ${url.driver === 'neon' ? 'Neon' : 'PostgreSQL'} at ${url.host}:${url.port}/${url.database}`
    const isOpen = url.tls === 'require' || (url.tls === 'disable' && url.driver === 'pg')
    if (!isOpen || isLocal(url.host)) return { level: 'ok', what }
    return {
      level: 'warning',
      what: `${what}, and nobody checks that it is (sslmode=${url.tls})`,
      mend: 'Say sslmode=verify-full, with sslrootcert=FILE where its authority is not a public one.',
    }
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
}

async function documents(text: string | undefined): Promise<Finding> {
  if (text === undefined) {
    return {
      level: 'note',
      what: 'Documents of the catalogue are in the control store.',
      mend: 'Set MONGODB_URL, for MongoDB. Documents that there are already stay where they are.',
    }
  }
  const [{ parseMongoUrl }, { askMongo }] = await Promise.all([
    import('../../storage/mongodb/url.ts'),
    import('../../storage/mongodb/connect.ts'),
  ])
  const url = parseMongoUrl(text)
  if (typeof url === 'string')
    return { level: 'broken', what: `MONGODB_URL ${url}`, mend: 'Write it as the README says.' }
  try {
    await askMongo(url, connectTimeoutMs)
    return { level: 'ok', what: `Documents are in MongoDB at ${url.hosts}/${url.database}` }
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
}
