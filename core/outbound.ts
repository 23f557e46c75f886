import { lookup } from 'node:dns'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Failure } from '#mesh/errors.ts'

/** `fetch` for addresses that somebody typed in. */
export type Outbound = (url: string, init?: OutboundRequest) => Promise<OutboundAnswer>

export interface OutboundRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs?: number
}

export interface OutboundAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

const maxBytes = 1 << 20
const defaultTimeoutMs = 5_000

/**
 * Requests to the public internet over https, and to nothing else: not to this machine, its network, or a cloud's
 * metadata, whatever name or redirect leads there. `allowed` are the exceptions, as `host` or `host:port`, which the
 * operator names: those may be private, and plain http. Redirects are not followed; answers are bounded.
 */
export function createOutbound(allowed: readonly string[]): Outbound {
  const exceptions = new Set(allowed.map((host) => host.toLowerCase()))
  return async (text, { method = 'GET', headers = {}, body, timeoutMs = defaultTimeoutMs } = {}) => {
    const url = parseUrl(text)
    const free = exceptions.has(url.hostname) || exceptions.has(url.host)
    if (url.protocol !== 'https:' && !(free && url.protocol === 'http:')) {
      throw refused(url, 'only https is spoken')
    }
    const bare = url.hostname.replace(/^\[|\]$/g, '')
    if (!free && isIP(bare) !== 0 && !isPublic(bare)) throw refused(url, 'its address is a private one')
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp
      const request = send(
        url,
        {
          method,
          headers: {
            accept: 'application/json',
            ...headers,
            ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
          },
          agent: false,
          // The address that is judged is the address that is connected to.
          lookup: free ? lookup : publicLookup,
          signal: AbortSignal.timeout(timeoutMs),
        },
        (response) => {
          const chunks: Buffer[] = []
          let bytes = 0
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.byteLength
            chunks.push(chunk)
            if (bytes > maxBytes) request.destroy(new Error(`the answer is larger than ${maxBytes} bytes`))
          })
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: new Headers(
                Object.entries(response.headersDistinct).flatMap(([name, values]) =>
                  (values ?? []).map((value): [string, string] => [name, value]),
                ),
              ),
              body: Buffer.concat(chunks).toString('utf8'),
            }),
          )
        },
      )
      request.on('error', (cause) =>
        reject(
          new Failure('core.unavailable', `${url.host} does not answer: ${reasonOf(cause)}.`, {
            hint: 'Check the address, and that this installation can reach it.',
            cause,
          }),
        ),
      )
      request.end(body)
    })
  }
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new Failure('request.invalid', `\`${text.slice(0, 200)}\` is not a URL.`)
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') throw refused(url, 'it holds a credential')
  return url
}

function refused(url: URL, reason: string): Failure {
  return new Failure('request.invalid', `${url.origin} cannot be called: ${reason}.`, {
    hint: 'Use a public https address, or have the operator allow this host with OUTBOUND_ALLOW.',
  })
}

function reasonOf(cause: Error): string {
  if (cause.name === 'TimeoutError') return 'it took too long'
  return cause instanceof PrivateAddress ? cause.message : ((cause as NodeJS.ErrnoException).code ?? cause.message)
}

class PrivateAddress extends Error {}

const publicLookup: LookupFunction = (host, options, callback) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '')
    const hidden = addresses.find(({ address }) => !isPublic(address))
    const [first] = addresses
    if (hidden !== undefined || first === undefined)
      return callback(new PrivateAddress('its address is a private one'), '')
    if (options.all === true) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

/** https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sibling: what is not globally reachable. */
const special = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, bits, 'ipv4')
}
/** What is outside 2000::/3 is not in use; within it, these lead to IPv4 or nowhere. */
const publicV6 = new BlockList()
publicV6.addSubnet('2000::', 3, 'ipv6')
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special.addSubnet(network, bits, 'ipv6')
}

export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4')
  return publicV6.check(address, 'ipv6') && !special.check(address, 'ipv6')
}
