import { readFileSync } from 'node:fs'

/** Where a ClickHouse is, who asks, and how. */
export interface ClickHouseUrl {
  /** `http(s)://host:port`, and nothing secret. */
  readonly url: string
  readonly username: string
  readonly password: string
  /** Whose hosts all have every table; undefined: one server. */
  readonly cluster: string | undefined
  /** Requests at once. */
  readonly maxConnections: number
  /** How long a connection that is refused is tried again. */
  readonly patienceMs: number
  /** In PEM; without it the authorities that the system trusts. */
  readonly tls?: { readonly ca: Buffer } | { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer }
}

const parameters = ['cluster', 'pool_size', 'patience_ms', 'ca', 'cert', 'key']

/**
 * `http(s)://user:password@host:8123?cluster=name&…`; a text says what does not hold, and never what was given: a password
 * is in it. User and password are percent-encoded.
 */
export function parseClickHouseUrl(text: string): ClickHouseUrl | string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return 'must be like http://user:password@host:8123'
  if (url.pathname !== '/' || url.hash !== '') return 'has a path; a workspace is a database, so none is named'
  const given = url.searchParams
  const unknown = [...given.keys()].find((name) => !parameters.includes(name))
  if (unknown !== undefined) return `has no parameter \`${unknown.slice(0, 40)}\`: there are ${parameters.join(', ')}`
  const cluster = given.get('cluster') ?? undefined
  if (cluster !== undefined && !/^[\w.-]{1,64}$/.test(cluster)) {
    return 'cluster must be 1 to 64 letters, digits, `_`, `-` and `.`'
  }
  const maxConnections = Number(given.get('pool_size') ?? 32)
  if (!Number.isInteger(maxConnections) || maxConnections < 4 || maxConnections > 512) {
    return 'pool_size must be a whole number from 4 to 512'
  }
  const patienceMs = Number(given.get('patience_ms') ?? 1_000)
  if (!Number.isInteger(patienceMs) || patienceMs < 0 || patienceMs > 60_000) {
    return 'patience_ms must be a whole number to 60000'
  }
  const tls = tlsOf(url)
  if (typeof tls === 'string') return tls
  try {
    return {
      url: url.origin,
      username: decodeURIComponent(url.username) || 'default',
      password: decodeURIComponent(url.password),
      cluster,
      maxConnections,
      patienceMs,
      ...(tls && { tls }),
    }
  } catch {
    return 'user and password must be percent-encoded'
  }
}

function tlsOf({ protocol, searchParams }: URL): ClickHouseUrl['tls'] | string {
  const given = ['ca', 'cert', 'key'].filter((name) => searchParams.has(name))
  if (given.length === 0) return undefined
  if (protocol !== 'https:') return `${given[0]} needs https://`
  if (!given.includes('ca')) return 'cert and key need ca'
  if (given.length === 2) return 'cert and key go together'
  try {
    const [ca, cert, key] = given.map((name) => readFileSync(searchParams.get(name) ?? '')) as [
      Buffer,
      Buffer?,
      Buffer?,
    ]
    return cert === undefined || key === undefined ? { ca } : { ca, cert, key }
  } catch (error) {
    return `a file of ca, cert and key cannot be read: ${(error as Error).message}`
  }
}
