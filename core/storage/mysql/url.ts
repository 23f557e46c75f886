import { isLocal, oneOf, readParameters, wholeOf } from '../parameters.ts'

/** How the certificate of the server is checked, as MySQL's clients name it; without TLS where it is `disabled`. */
export type TlsMode = 'disabled' | 'required' | 'verify-ca' | 'verify-identity'

/** Where a MySQL or a MariaDB is, who asks, and how long it may take. */
export interface MysqlUrl {
  readonly host: string
  readonly port: number
  /** The path of a Unix socket, in the place of host and port. */
  readonly socket: string | undefined
  readonly database: string
  readonly user: string
  readonly password: string
  readonly tls: TlsMode
  /** Files in PEM. */
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly poolSize: number
  readonly poolIdleMs: number
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
}

const names = [
  'ssl-mode',
  'ssl-ca',
  'ssl-cert',
  'ssl-key',
  'socket',
  'pool_size',
  'pool_idle_timeout',
  'connect_timeout',
  'statement_timeout',
  'lock_wait_timeout',
] as const

type Name = (typeof names)[number]

const tlsModes: readonly TlsMode[] = ['disabled', 'required', 'verify-ca', 'verify-identity']

/**
 * `mysql://user:password@host:port/database?…`, TLS named as MySQL's own clients name it
 * (https://dev.mysql.com/doc/refman/8.4/en/connection-options.html). Answers what does not hold, and never the text itself: a
 * password is in it.
 */
export function parseMysqlUrl(text: string): MysqlUrl | string {
  if (!URL.canParse(text)) return 'must be like mysql://user:password@host:3306/database'
  const url = new URL(text)
  if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:') return 'must begin with mysql://'
  const given = readParameters(url, names)
  if (typeof given === 'string') return given
  try {
    return read(url, given)
  } catch (thrown) {
    // The reason alone: what a decoder says may quote the text.
    return thrown instanceof RangeError ? thrown.message : 'has a %-escape that is none; write % as %25'
  }
}

function read(url: URL, given: ReadonlyMap<Name, string>): MysqlUrl {
  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')
  const user = decodeURIComponent(url.username)
  const database = decodeURIComponent(url.pathname.slice(1))
  const socket = given.get('socket')
  if (host === '') throw new RangeError('names no host')
  if (user === '') throw new RangeError('names no user')
  if (database === '') throw new RangeError('names no database: …@host/database')
  const mode = given.get('ssl-mode')?.toLowerCase().replaceAll('_', '-')
  if (mode === 'preferred') throw new RangeError('ssl-mode=preferred is no protection: say disabled or verify-identity')
  // Over a network nothing is sent in the clear, nor to whoever answers, unless the URL says so.
  const usual = socket !== undefined || isLocal(host) ? 'disabled' : 'verify-identity'
  const tls = oneOf('ssl-mode', mode, tlsModes) ?? usual
  const files = ['ssl-ca', 'ssl-cert', 'ssl-key'] as const
  const unused = files.find((name) => given.has(name) && tls === 'disabled')
  if (unused !== undefined) throw new RangeError(`${unused} is for ssl-mode=required and above`)
  if (given.has('ssl-cert') !== given.has('ssl-key')) throw new RangeError('ssl-cert and ssl-key go together')
  return {
    host,
    port: url.port === '' ? 3306 : Number(url.port),
    socket,
    database,
    user,
    password: decodeURIComponent(url.password),
    tls,
    caFile: given.get('ssl-ca'),
    certFile: given.get('ssl-cert'),
    keyFile: given.get('ssl-key'),
    poolSize: wholeOf('pool_size', given, { or: 10, least: 1, most: 200 }),
    poolIdleMs: 1_000 * wholeOf('pool_idle_timeout', given, { or: 60, least: 1, most: 86_400 }),
    connectTimeoutMs: 1_000 * wholeOf('connect_timeout', given, { or: 10, least: 1, most: 300 }),
    statementTimeoutMs: wholeOf('statement_timeout', given, { or: 30_000, least: 100, most: 3_600_000 }),
    // The server counts it in seconds.
    lockTimeoutMs: 1_000 * wholeOf('lock_wait_timeout', given, { or: 10, least: 1, most: 3_600 }),
  }
}
