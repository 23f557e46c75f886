import type { Finding } from '../doctor.ts'

const connectTimeoutMs = 3_000

/** A MySQL or a MariaDB. */
export async function checkItems(text: string): Promise<Finding> {
  const [{ parseMysqlUrl }, { askMysql }, { isLocal }] = await Promise.all([
    import('../../storage/mysql/url.ts'),
    import('../../storage/mysql/connect.ts'),
    import('../../storage/parameters.ts'),
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
