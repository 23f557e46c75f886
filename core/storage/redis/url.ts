import { readFileSync } from 'node:fs'

/** Where Redis is, and how to speak with it. */
export interface RedisUrl {
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  readonly db: number
  /** Begins every key, so that installations can share a server. */
  readonly prefix: string
  /** How long the server may take to connect, and to answer. */
  readonly timeoutMs: number
  /** Files in PEM, read. Undefined: no TLS. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
}

const parameters = ['prefix', 'timeout_ms', 'ca', 'cert', 'key'] as const
const files = ['ca', 'cert', 'key'] as const
const form = 'must be like redis://[user:password@]host:6379[/db], or rediss://… for TLS'

/**
 * `rediss://user:password@host:port/db?…` (https://www.iana.org/assignments/uri-schemes/prov/redis). Answers what does not
 * hold, and never the text itself: a password is in it.
 */
export function parseRedisUrl(text: string): RedisUrl | string {
  if (!URL.canParse(text)) return form
  const { protocol, hostname, port, username, password, pathname, hash, searchParams } = new URL(text)
  if (protocol !== 'redis:' && protocol !== 'rediss:') return form
  if (hostname === '') return 'names no host'
  if (hash !== '') return 'has a #; write it as %23'
  if (!/^\/?(?:\d{1,4})?$/.test(pathname)) return 'must name its database by a number: …@host/0'
  const given = [...searchParams.keys()]
  const unknown = given.find((name) => !parameters.some((known) => known === name))
  if (unknown !== undefined) return `has no parameter ${unknown.slice(0, 40)}: there are ${parameters.join(', ')}`
  const twice = given.find((name, at) => given.indexOf(name) !== at)
  if (twice !== undefined) return `has ${twice} twice`
  const prefix = searchParams.get('prefix') ?? 'edgewise'
  // Nothing that means something in a pattern.
  if (!/^[a-z0-9_-]{1,64}$/i.test(prefix)) return 'prefix must be 1 to 64 letters, digits, `_` and `-`'
  const timeoutMs = Number(searchParams.get('timeout_ms') ?? 5_000)
  if (!Number.isInteger(timeoutMs) || timeoutMs < 100 || timeoutMs > 60_000) {
    return 'timeout_ms must be a whole number from 100 to 60000'
  }
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const tls = protocol === 'rediss:' ? tlsOf(host, searchParams) : withoutTls(searchParams)
  if (typeof tls === 'string') return tls
  try {
    return {
      host,
      port: port === '' ? 6379 : Number(port),
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      db: Number(pathname.slice(1)),
      prefix,
      timeoutMs,
      ...(tls && { tls }),
    }
  } catch {
    return 'has a %-escape that is none; write % as %25'
  }
}

function withoutTls(given: URLSearchParams): string | undefined {
  const file = files.find((name) => given.has(name))
  return file && `${file} is for rediss://`
}

function tlsOf(host: string, given: URLSearchParams): RedisUrl['tls'] | string {
  if (given.has('cert') !== given.has('key')) return 'cert and key go together'
  try {
    const read = files.flatMap((name) => {
      const path = given.get(name)
      return path === null ? [] : [[name, readFileSync(path, 'utf8')] as const]
    })
    // SNI knows names only.
    return { ...Object.fromEntries(read), ...(!/^[\d.]+$|:/.test(host) && { servername: host }) }
  } catch (error) {
    return `a file of ca, cert and key cannot be read: ${(error as Error).message}`
  }
}
