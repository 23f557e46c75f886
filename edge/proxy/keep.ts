import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'

/** The request's headers that may decide what the answer is: they are part of every key. */
const varied = ['accept', 'accept-language', 'origin'] as const

/** Which answers to a request are the same: everything that an upstream may tell it by, but for the caller. */
export function requestKey(route: Route, workspace: string, rest: string, headers: Headers): string {
  const { name, version } = route
  return `route ${JSON.stringify([workspace, name, version, rest, ...varied.map((header) => headers.get(header))])}`
}

export interface Keeping {
  /** For whoever may call the route, or for this caller alone. */
  readonly shared: boolean
  readonly freshMs: number
  readonly revalidateMs: number
  readonly errorMs: number
}

/**
 * Whether and for how long an answer may be kept (RFC 9111, 3 and 4.2; RFC 5861). What the answer says counts before what
 * the route says. An answer of a route that asks for a credential is for its caller, unless the answer says that it is not.
 */
export function keepingOf(route: Route, status: number, headers: Headers): Keeping | undefined {
  const { cache } = route
  if (cache === undefined || status !== 200 || headers.has('set-cookie') || headers.has('content-range')) {
    return undefined
  }
  if (!variesWithin(headers.get('vary'))) return undefined
  const said = directivesOf(headers.get('cache-control') ?? '')
  if (said.has('no-store') || said.has('private') || said.has('no-cache')) return undefined
  const ageMs = (seconds(headers.get('age') ?? undefined) ?? 0) * 1000
  const lasts = seconds(said.get('s-maxage')) ?? seconds(said.get('max-age'))
  const freshMs = lasts === undefined ? cache.ttlSeconds * 1000 : lasts * 1000 - ageMs
  const strict = said.has('must-revalidate') || said.has('proxy-revalidate') || said.has('s-maxage')
  const afterMs = (directive: string, otherwise: number): number =>
    strict ? 0 : (seconds(said.get(directive)) ?? otherwise) * 1000
  const keeping = {
    shared: route.public || said.has('public') || said.has('s-maxage'),
    freshMs,
    revalidateMs: freshMs + afterMs('stale-while-revalidate', cache.staleWhileRevalidateSeconds),
    errorMs: freshMs + afterMs('stale-if-error', cache.staleIfErrorSeconds),
  }
  return Math.max(keeping.freshMs, keeping.revalidateMs, keeping.errorMs) > 0 ? keeping : undefined
}

/** Whether all that the answer varies by is part of the key. Encodings are undone before it is kept. */
function variesWithin(vary: string | null): boolean {
  if (vary === null) return true
  return vary
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .every((name) => name === '' || name === 'accept-encoding' || (varied as readonly string[]).includes(name))
}

function directivesOf(text: string): ReadonlyMap<string, string> {
  const directives = new Map<string, string>()
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=', 2)
    directives.set(name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1'))
  }
  return directives
}

/** What is no number of seconds is none. */
function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}
