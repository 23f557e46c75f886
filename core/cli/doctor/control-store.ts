import type { Finding } from '../doctor.ts'

const connectTimeoutMs = 3_000

/** PostgreSQL or Neon. */
export async function checkControlStore(text: string): Promise<Finding> {
  // Loaded by who asks: the driver is more than the rest of the command line.
  const [{ parseDatabaseUrl }, { askServer }, { isLocal }] = await Promise.all([
    import('../../storage/postgres/url.ts'),
    import('../../storage/postgres/connect.ts'),
    import('../../storage/parameters.ts'),
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
