import type { Finding } from '../doctor.ts'

const connectTimeoutMs = 3_000

/** Which engines are embedded, and whether those that are not answer. */
export async function checkEngines(env: Readonly<Record<string, string | undefined>>): Promise<readonly Finding[]> {
  return [await controlStore(env['DATABASE_URL'] || undefined), await warehouse(env['CLICKHOUSE_URL'] || undefined)]
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
  const [{ isLocal, parseDatabaseUrl }, { askServer }] = await Promise.all([
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

async function warehouse(text: string | undefined): Promise<Finding> {
  if (text === undefined) {
    return {
      level: 'note',
      what: 'The warehouse is embedded (chDB): one process on one machine has all rows.',
      mend: 'Set CLICKHOUSE_URL, with a new data directory, for a ClickHouse server or cluster.',
    }
  }
  const [{ parseClickHouseUrl }, { askClickHouse }] = await Promise.all([
    import('../../storage/clickhouse/url.ts'),
    import('../../storage/clickhouse/open.ts'),
  ])
  const url = parseClickHouseUrl(text)
  if (typeof url === 'string')
    return { level: 'broken', what: `CLICKHOUSE_URL ${url}.`, mend: 'Write it as the README says.' }
  try {
    const version = await askClickHouse({ ...url, patienceMs: 0 })
    const { hostname } = new URL(url.url)
    const what = `The warehouse is on ClickHouse ${version} at ${url.url}${url.cluster === undefined ? '' : `, cluster ${url.cluster}`}`
    const isOpen = url.url.startsWith('http:') && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)
    if (!isOpen) return { level: 'ok', what }
    return { level: 'warning', what: `${what}, and the password travels in the clear`, mend: 'Use https://.' }
  } catch (error) {
    return { level: 'broken', what: (error as Error).message, mend: 'The core does not start without it.' }
  }
}
