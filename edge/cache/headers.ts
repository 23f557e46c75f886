import type { ResultHead } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Outcome } from './through.ts'
import type { Answer } from './answers.ts'

const said: Readonly<Record<Exclude<Outcome, 'BYPASS'>, string>> = {
  HIT: 'hit',
  STALE: 'hit',
  ERROR: 'fwd=stale',
  MISS: 'fwd=uri-miss; stored',
  EXPIRED: 'fwd=stale; stored',
  COLLAPSED: 'fwd=uri-miss; collapsed',
}

/** RFC 9211. With the core out of reach nothing is forwarded, so what is given then is a hit however old it is. */
export function cacheStatus(outcome: Outcome, answer: Answer | undefined, at: number, fallback?: string): string {
  const ttl = answer === undefined ? 0 : Math.floor((answer.storedAt + answer.freshMs - at) / 1000)
  if (outcome === 'BYPASS') return 'Edgewise; fwd=bypass'
  const how = fallback === 'core-unreachable' ? 'hit' : said[outcome]
  return `Edgewise; ${how}; ttl=${ttl}${fallback === undefined ? '' : `; detail=${fallback}`}`
}

/** Answers depend on the credential, so only the caller's own cache may keep them, and only as long as is left of them. */
export function cacheControl({ storedAt, freshMs, revalidateMs, errorMs }: Answer, at: number): string {
  if (freshMs === 0) return 'private, no-cache'
  const left = Math.max(0, Math.floor((storedAt + freshMs - at) / 1000))
  const revalidate = revalidateMs > freshMs ? `, stale-while-revalidate=${(revalidateMs - freshMs) / 1000}` : ''
  const error = errorMs > freshMs ? `, stale-if-error=${(errorMs - freshMs) / 1000}` : ''
  return `private, max-age=${left}${revalidate}${error}`
}

/** What is the same for every request that gets this answer. */
export function answerHeaders(answer: Answer, cost: number): Headers {
  return new Headers({
    'content-type': answer.contentType,
    etag: answer.etag,
    vary: 'Accept, Authorization, X-API-Key, Origin',
    'edgewise-query-version': String(answer.version),
    'edgewise-cost': String(cost),
    'x-content-type-options': 'nosniff',
  })
}

export function streamHeaders(head: ResultHead, cost: number): Headers {
  return new Headers({
    'content-type': head.contentType,
    'cache-control': 'private, no-store',
    vary: 'Accept, Authorization, X-API-Key, Origin',
    ...(head.model !== '' && { 'edgewise-model': head.model }),
    ...(head.queryVersion > 0 && { 'edgewise-query-version': String(head.queryVersion) }),
    'edgewise-cost': String(cost),
    'x-content-type-options': 'nosniff',
  })
}
