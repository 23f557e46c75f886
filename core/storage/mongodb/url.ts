/** Where a MongoDB is. The rest of the URL is the driver's own to read. */
export interface MongoUrl {
  /** The URL as it was given: it may hold a password. */
  readonly text: string
  /** What people may be shown: `host:port,host:port`. */
  readonly hosts: string
  readonly database: string
  /** What the URL leaves open. */
  readonly defaults: Readonly<Record<string, string | number | boolean>>
}

const form =
  /^mongodb(?<srv>\+srv)?:\/\/(?:(?<user>[^@/?]*)@)?(?<hosts>[^@/?]+)(?:\/(?<database>[^/?]*))?(?:\?(?<query>.*))?$/
const mostConnections = 500

/** By the names that the driver reads, in small letters: https://www.mongodb.com/docs/manual/reference/connection-string-options/ */
const defaults = {
  appname: ['appName', 'edgewise'],
  maxpoolsize: ['maxPoolSize', 20],
  connecttimeoutms: ['connectTimeoutMS', 5_000],
  heartbeatfrequencyms: ['heartbeatFrequencyMS', 5_000],
  // How long a request waits for a server that is gone, before it is answered 503; several can vote for another meanwhile.
  serverselectiontimeoutms: ['serverSelectionTimeoutMS', 2_000],
  // For a connection where all are in use, and on one for anything to come.
  waitqueuetimeoutms: ['waitQueueTimeoutMS', 10_000],
  sockettimeoutms: ['socketTimeoutMS', 10_000],
} as const

/**
 * `mongodb://user:password@host:port,host:port/database?…` or `mongodb+srv://…`, with the options that MongoDB's own
 * documentation names. Answers what does not hold, and never the text itself: a password may be in it.
 */
export function parseMongoUrl(text: string): MongoUrl | string {
  const { srv, user, hosts, database, query = '' } = form.exec(text)?.groups ?? {}
  if (hosts === undefined)
    return 'must be like mongodb://user:password@host:27017/database; in user and password write @ as %40, : as %3A, / as %2F'
  const options = new Map([...new URLSearchParams(query)].map(([name, value]) => [name.toLowerCase(), value]))
  const unsound = unsoundOf(options)
  if (unsound !== undefined) return unsound
  try {
    if (user !== undefined) decodeURIComponent(user)
    const name = decodeURIComponent(database ?? '')
    // https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
    if (!/^[^\s/\\."$*<>:|?\0]{0,63}$/.test(name)) return 'names a database that cannot be one'
    const isOpen = srv === undefined && !options.has('tls') && !options.has('ssl') && !hosts.split(',').every(isNear)
    const left = Object.entries(defaults).filter(([option]) => !options.has(option))
    return {
      text,
      hosts,
      database: name === '' ? 'edgewise' : name,
      // Over a network nothing is sent in the clear unless the URL says so.
      defaults: { ...Object.fromEntries(left.map(([, pair]) => pair)), ...(isOpen && { tls: true }) },
    }
  } catch {
    return 'has a %-escape that is none; write % as %25'
  }
}

/** What would break a promise: that what was acknowledged is kept, that a version that was read is the newest, that all is bounded. */
function unsoundOf(options: ReadonlyMap<string, string>): string | undefined {
  if (options.get('w') === '0') return 'has w=0: what nobody acknowledges may be lost; leave it out'
  if (options.get('journal') === 'false') return 'has journal=false: what was acknowledged may be lost; leave it out'
  if ((options.get('readpreference') ?? 'primary') !== 'primary')
    return 'has a readPreference: a secondary may answer an older version; leave it out'
  const pool = options.get('maxpoolsize')
  if (pool !== undefined && !(/^\d{1,4}$/.test(pool) && Number(pool) >= 1 && Number(pool) <= mostConnections))
    return `maxPoolSize must be a whole number from 1 to ${mostConnections}`
  return undefined
}

/** Where nothing goes over a network. */
function isNear(host: string): boolean {
  return /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(host) || host.endsWith('.sock')
}
