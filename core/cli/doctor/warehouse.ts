import type { Finding } from '../doctor.ts'

/** A ClickHouse. */
export async function checkWarehouse(text: string): Promise<Finding> {
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
