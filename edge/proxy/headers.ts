import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1: they speak of one connection and go no further. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** A caller's credential is for the edge; the rest is for the edge to state, or the runtime's to set. */
const notForUpstreams = new Set([
  ...hopByHop,
  'authorization',
  'x-api-key',
  'x-csrf-token',
  'cookie',
  'host',
  'forwarded',
  'expect',
  'content-length',
  'x-real-ip',
])
const ofTheEdge = /^(?:x-forwarded-|cf-|edgewise-)/

/**
 * All services stand behind one origin, the gateway's. So none may keep state in browsers there or decide for the others who
 * reads what; and what identifies the answer is the edge's to say.
 */
const notForCallers = new Set([
  ...hopByHop,
  'set-cookie',
  'clear-site-data',
  'service-worker-allowed',
  'strict-transport-security',
  'alt-svc',
  'nel',
  'report-to',
  'reporting-endpoints',
  'ratelimit',
  'ratelimit-policy',
  'cache-status',
  'x-request-id',
])
const notForCallersEither = /^(?:access-control-|edgewise-)/

export interface Hop {
  readonly actor: Actor
  readonly address: string
  readonly requestId: string
  /** Of the gateway, as the caller sees it. */
  readonly url: string
  /** Of the upstream. */
  readonly to: string
}

/** By lower-case name. */
export type HeaderRecord = Record<string, string>

/** Headers as an object: what they are asked for then, again and again, costs no way to the runtime. */
export function recordOf(headers: Headers): HeaderRecord {
  const record: HeaderRecord = {}
  for (const [name, value] of headers) record[name] = value
  return record
}

/** What an upstream is asked, instead of what the edge is asked. The headers that the route sets come last: they may hold the upstream's own credential. */
export function upstreamRequest(from: Request, given: Readonly<HeaderRecord>, route: Route, hop: Hop): Request {
  const { method } = from
  const bodiless = method === 'GET' || method === 'HEAD'
  // Copied by the runtime; only what is different is changed from here. A body that has no meaning (RFC 9110, 9.3.1) stays here.
  const request = new Request(hop.to, bodiless ? { method, headers: from.headers, redirect: 'manual' } : from)
  const { headers } = request
  for (const name in given) if (notForUpstreams.has(name) || ofTheEdge.test(name)) headers.delete(name)
  for (const name of ofConnection(given)) headers.delete(name)
  const { actor, url } = hop
  headers.set('x-forwarded-for', hop.address)
  headers.set('x-forwarded-host', url.slice(url.indexOf('//') + 2, url.indexOf('/', 8)))
  headers.set('x-forwarded-proto', url.startsWith('https:') ? 'https' : 'http')
  headers.set('x-request-id', hop.requestId)
  headers.set('edgewise-actor', actor.id)
  if (actor.subject !== '') headers.set('edgewise-subject', encodeURIComponent(actor.subject))
  const own = actor.scopes.filter((scope) => scope.startsWith('app:'))
  if (own.length > 0) headers.set('edgewise-scopes', own.join(' '))
  for (const name of route.removeHeaders) headers.delete(name)
  for (const { name, value = '' } of route.setHeaders) headers.set(name, value)
  return request
}

/** The headers of an upstream's answer that callers are sent. */
export function callerHeaders(from: Headers): HeaderRecord {
  const headers = recordOf(from)
  for (const name of ofConnection(headers)) delete headers[name]
  for (const name in headers) if (notForCallers.has(name) || notForCallersEither.test(name)) delete headers[name]
  headers['x-content-type-options'] = 'nosniff'
  // A page of an upstream is not a page of the gateway: it may not act as whoever is signed in there. Policies add up.
  if (!isJson(headers['content-type'])) {
    const policy = headers['content-security-policy']
    headers['content-security-policy'] = policy === undefined ? 'sandbox' : `${policy}, sandbox`
  }
  return headers
}

/** What `Connection` names belongs to the connection too. */
function ofConnection({ connection }: Readonly<HeaderRecord>): readonly string[] {
  if (connection === undefined) return []
  return connection
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))
}

/** With `nosniff` that is nothing that a browser would run. */
function isJson(type = ''): boolean {
  return type === 'application/json' || type.startsWith('application/json;')
}
