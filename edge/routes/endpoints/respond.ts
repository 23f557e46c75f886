import type { Answered } from '../../cache/answer.ts'
import { matches } from '../../cache/etag.ts'
import { answerHeaders, cacheControl, cacheStatus, streamHeaders } from '../../cache/headers.ts'
import type { AppContext } from '../context.ts'
import type { Resolution } from './resolutions.ts'

/** An answer as HTTP. */
export function respond(c: AppContext, answered: Answered, { cost }: Resolution, at: number): Response {
  if (!answered.whole) {
    const headers = streamHeaders(answered.head, cost)
    headers.set('cache-status', cacheStatus(answered.outcome, undefined, at))
    return new Response(answered.body, { headers })
  }
  const { answer, outcome } = answered
  const fallback = answered.fallback ?? (c.var.degraded ? 'core-unreachable' : undefined)
  const headers = answerHeaders(answer, cost)
  headers.set('cache-control', cacheControl(answer, at))
  headers.set('cache-status', cacheStatus(outcome, outcome === 'BYPASS' ? undefined : answer, at, fallback))
  if (fallback !== undefined) headers.set('edgewise-fallback', fallback)
  if (matches(c.req.header('if-none-match') ?? null, answer.etag)) return new Response(null, { status: 304, headers })
  headers.set('content-length', String(answer.body.byteLength))
  return new Response(answer.body, { headers })
}
