import { readFileSync } from 'node:fs'

/** Where Kafka is, and how to speak with it. */
export interface KafkaOptions {
  /** `host:port`; any of them leads to the others. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Begins the names of topics and groups, so that installations can share a cluster. */
  readonly prefix: string
  /** How long a broker may take to answer. */
  readonly timeoutMs: number
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?: { readonly mechanism: Mechanism; readonly username: string; readonly password: string }
}

const mechanisms = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const
type Mechanism = (typeof mechanisms)[keyof typeof mechanisms]

const parameters = ['tls', 'ca', 'cert', 'key', 'sasl', 'client_id', 'prefix', 'timeout_ms']
const form = /^kafka:\/\/(?:(?<user>[^@/?]*)@)?(?<brokers>[^@/?]+)\/?(?:\?(?<query>.*))?$/
const broker = /^(?:\[[\da-f:.]+\]|[\w.-]+):\d{1,5}$/i

/**
 * `kafka://user:password@host:port,host:port?tls=true&…`; a text says what does not hold. Not a URL of the WHATWG's,
 * which has one host. User and password are percent-encoded; nothing here repeats them.
 */
export function parseKafkaUrl(text: string): KafkaOptions | string {
  const { user, brokers: hosts = '', query = '' } = form.exec(text)?.groups ?? {}
  const brokers = hosts.split(',')
  const odd = brokers.find((host) => !broker.test(host))
  if (odd === '') return 'must be `kafka://[user:password@]host:port[,host:port…][?tls=true&…]`'
  if (odd !== undefined) return `\`${odd}\` must be \`host:port\``
  const given = new URLSearchParams(query)
  const unknown = [...given.keys()].find((name) => !parameters.includes(name))
  if (unknown !== undefined) return `has no parameter \`${unknown}\`: there are ${parameters.join(', ')}`
  const prefix = given.get('prefix') ?? 'edgewise'
  if (!/^(?=.{1,64}$)\w+(-\w+)*$/.test(prefix))
    return 'prefix must be 1 to 64 letters, digits, `_` and single `-` between them'
  const timeoutMs = Number(given.get('timeout_ms') ?? 10_000)
  if (!Number.isInteger(timeoutMs) || timeoutMs < 100) return 'timeout_ms must be a whole number from 100 on'
  const tls = tlsOf(given)
  if (typeof tls === 'string') return tls
  const sasl = saslOf(user, given.get('sasl'))
  if (typeof sasl === 'string') return sasl
  const clientId = given.get('client_id') ?? 'edgewise'
  return { brokers, clientId, prefix, timeoutMs, ...(tls && { tls }), ...(sasl && { sasl }) }
}

function tlsOf(given: URLSearchParams): KafkaOptions['tls'] | string {
  const tls = given.get('tls') ?? 'false'
  if (tls !== 'true' && tls !== 'false') return 'tls must be true or false'
  const files = ['ca', 'cert', 'key'].flatMap((name) =>
    given.has(name) ? [[name, given.get(name) ?? ''] as const] : [],
  )
  if (tls === 'false') return files.length === 0 ? undefined : `${files[0]?.[0]} needs tls=true`
  if (given.has('cert') !== given.has('key')) return 'cert and key go together'
  try {
    return Object.fromEntries(files.map(([name, path]) => [name, readFileSync(path, 'utf8')]))
  } catch (error) {
    return `a file of ca, cert and key cannot be read: ${(error as Error).message}`
  }
}

function saslOf(user: string | undefined, mechanism: string | null): KafkaOptions['sasl'] | string {
  if (user === undefined) return mechanism === null ? undefined : 'sasl needs user:password@ before the brokers'
  const name = mechanism ?? 'plain'
  if (!Object.hasOwn(mechanisms, name)) return `sasl must be one of ${Object.keys(mechanisms).join(', ')}`
  const colon = user.indexOf(':')
  if (colon < 0) return 'needs a password: user:password@'
  try {
    const [username, password] = [decodeURIComponent(user.slice(0, colon)), decodeURIComponent(user.slice(colon + 1))]
    return { mechanism: mechanisms[name as keyof typeof mechanisms], username, password }
  } catch {
    return 'user and password must be percent-encoded'
  }
}
