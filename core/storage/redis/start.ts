import type { Redis as Client } from 'ioredis'
import type { RedisUrl } from './url.ts'

/** GETDEL, GETEX, COPY, SMISMEMBER and LMOVE come with it. */
const oldest = [6, 2] as const

/** Fails where the server is too old, a replica, or a part of a cluster. */
export async function checkServer(client: Client): Promise<void> {
  const text = (await client.info()).replaceAll('\r', '')
  const said = new Map(text.split('\n').map((line) => line.split(':', 2) as [string, string]))
  const version = said.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    throw new Error(`it is Redis ${version}; ${oldest.join('.')} or newer is needed`)
  }
  if (said.get('role') === 'slave') throw new Error('it is a replica; name the primary')
  if (said.get('redis_mode') === 'cluster') throw new Error('it is a cluster; name a server that is none')
}

const ways: readonly (readonly [pattern: RegExp, way: string])[] = [
  [/WRONGPASS|NOAUTH|AUTH/, 'Check the user and password of REDIS_URL.'],
  [/NOPERM/, 'The user must be allowed every command and the keys `PREFIX:*`: ACL SETUSER … ~PREFIX:* +@all.'],
  [/DB index/, 'Name a database that there is: REDIS_URL=…/0.'],
  [/ENOTFOUND|EAI_AGAIN/, 'Check the host of REDIS_URL.'],
  [/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH/, 'Start the server, or check host and port of REDIS_URL.'],
  [/CERT|SELF_SIGNED|VERIFY|ISSUER|SSL/, 'Name its authority by ca=FILE; a server without TLS takes redis://.'],
]

/** Says which server it is, why, and the way out: nothing of the URL that is secret. */
export function unreachable({ host, port }: RedisUrl, cause: unknown): Error {
  const { code = '', message } = cause as Error & { readonly code?: string }
  const reason = `${message.replace(/\.$/, '')}${code === '' || message.includes(code) ? '' : ` (${code})`}`
  const way = ways.find(([pattern]) => pattern.test(reason))?.[1] ?? 'Check REDIS_URL.'
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return new Error(
    `Redis cannot be used at ${at}: ${reason}. ${way} Without REDIS_URL it is embedded, and serves this process alone.`,
    { cause },
  )
}
