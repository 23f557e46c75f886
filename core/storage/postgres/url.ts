import { isLocal, oneOf, readParameters, wholeOf } from '../parameters.ts'

/** How the certificate of the server is checked, as libpq names it; without TLS where it is `disable`. */
export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full'

/** Where a PostgreSQL is, who asks, and how long it may take. */
export interface DatabaseUrl {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  /** `neon`: PostgreSQL's protocol within a WebSocket, as Neon's proxy takes it. */
  readonly driver: 'pg' | 'neon'
  /** Where that WebSocket leads, if not to Neon's own: `ws://…` or `wss://…`. */
  readonly wsProxy: string | undefined
  readonly tls: TlsMode
  /** Files in PEM. */
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly channelBinding: boolean
  readonly applicationName: string
  readonly poolSize: number
  readonly poolIdleMs: number
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly idleTransactionTimeoutMs: number
}

const names = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'channel_binding',
  'application_name',
  'host',
  'driver',
  'ws_proxy',
  'pool_size',
  'pool_idle_timeout',
  'connect_timeout',
  'statement_timeout',
  'idle_in_transaction_session_timeout',
] as const

type Name = (typeof names)[number]

const tlsModes: readonly TlsMode[] = ['disable', 'require', 'verify-ca', 'verify-full']

/**
 * `postgres://user:password@host:port/database?…`, its parameters named as libpq and PostgreSQL name them
 * (https://www.postgresql.org/docs/current/libpq-connect.html). Answers what does not hold, and never the text itself: a
 * password is in it.
 */
export function parseDatabaseUrl(text: string): DatabaseUrl | string {
  if (!URL.canParse(text)) return 'must be like postgres://user:password@host:5432/database'
  const url = new URL(text)
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') return 'must begin with postgres://'
  const given = readParameters(url, names)
  if (typeof given === 'string') return given
  try {
    return read(url, given)
  } catch (thrown) {
    // The reason alone: what a decoder says may quote the text.
    return thrown instanceof RangeError ? thrown.message : 'has a %-escape that is none; write % as %25'
  }
}

function read(url: URL, given: ReadonlyMap<Name, string>): DatabaseUrl {
  const host = given.get('host') ?? decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')
  const user = decodeURIComponent(url.username)
  const database = decodeURIComponent(url.pathname.slice(1))
  if (host === '') throw new RangeError('names no host')
  if (user === '') throw new RangeError('names no user')
  if (database === '') throw new RangeError('names no database: …@host/database')
  const driver = oneOf('driver', given.get('driver'), ['pg', 'neon']) ?? (isNeon(host) ? 'neon' : 'pg')
  const wsProxy = given.get('ws_proxy')
  if (wsProxy !== undefined && !/^wss?:\/\/[^\s/]+/.test(wsProxy))
    throw new RangeError('ws_proxy must be ws://… or wss://…')
  if (wsProxy !== undefined && driver !== 'neon') throw new RangeError('ws_proxy is for driver=neon')
  const binding = oneOf('channel_binding', given.get('channel_binding'), ['disable', 'prefer', 'require']) ?? 'prefer'
  if (binding === 'require' && driver !== 'neon') {
    throw new RangeError('channel_binding=require cannot be promised by this driver: say prefer')
  }
  const tls = tlsOf(given.get('sslmode'), isLocal(host))
  const files = ['sslrootcert', 'sslcert', 'sslkey'] as const
  const unused = files.find((name) => given.has(name) && (tls === 'disable' || driver === 'neon'))
  if (unused !== undefined) throw new RangeError(`${unused} is for sslmode=require and above, without driver=neon`)
  if (given.has('sslcert') !== given.has('sslkey')) throw new RangeError('sslcert and sslkey go together')
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    database,
    user,
    password: decodeURIComponent(url.password),
    driver,
    wsProxy,
    tls,
    caFile: given.get('sslrootcert'),
    certFile: given.get('sslcert'),
    keyFile: given.get('sslkey'),
    channelBinding: binding !== 'disable',
    applicationName: given.get('application_name') ?? 'edgewise',
    // One waits for the migrations' lock while another migrates.
    poolSize: wholeOf('pool_size', given, { or: 10, least: 2, most: 200 }),
    poolIdleMs: 1_000 * wholeOf('pool_idle_timeout', given, { or: 60, least: 1, most: 86_400 }),
    connectTimeoutMs: 1_000 * wholeOf('connect_timeout', given, { or: 10, least: 1, most: 300 }),
    statementTimeoutMs: wholeOf('statement_timeout', given, { or: 30_000, least: 100, most: 3_600_000 }),
    idleTransactionTimeoutMs: wholeOf('idle_in_transaction_session_timeout', given, {
      or: 60_000,
      least: 1_000,
      most: 3_600_000,
    }),
  }
}

/** Over a network nothing is sent in the clear, nor to whoever answers, unless the URL says so. */
function tlsOf(mode: string | undefined, isNear: boolean): TlsMode {
  if (mode === 'prefer' || mode === 'allow') {
    throw new RangeError(`sslmode=${mode} is no protection: say disable, require or verify-full`)
  }
  return oneOf('sslmode', mode, tlsModes) ?? (isNear ? 'disable' : 'verify-full')
}

function isNeon(host: string): boolean {
  return host.endsWith('.neon.tech')
}
