import { matches } from '../../cache/etag.ts'
import { answerHeaders, cacheControl, cacheStatus } from '../../cache/headers.ts'
import { isSession } from '../../auth/cookie.ts'
import { credentialOf } from '../../auth/credential.ts'
import { comesFromAnywhere } from '../../auth/place.ts'
import type { Background } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { isNear, planWarning, rateLimit, rateLimitPolicy } from '../../limit/headers.ts'
import type { Meter } from '../../limit/limiter.ts'
import type { Resolution } from './resolutions.ts'

const prefix = '/v1/endpoints/'
const route = '/v1/endpoints/:name'

/** Path and query of a request's URL, as they came. */
export function targetOf(url: string): string {
  return url.slice(url.indexOf('/', 8))
}

/**
 * The short way of a GET: a question that this caller has asked before, whose answer is fresh here. The same steps in the same order
 * as the long way — request id, credential, limit, cache — each by look-ups that never wait. Whatever is not ready, or not
 * plain, is left to the long way by answering undefined, before anything is charged.
 */
export function createHit({ sessions, feed, resolutions, answers, requestId, usage, metrics, now }: Deps) {
  return function hit({ headers }: Request, url: string, background: Background): Response | undefined {
    const target = targetOf(url)
    if (!target.startsWith(prefix)) return undefined
    if (headers.has('origin') || !feed.current(background)) return undefined

    const credential = credentialOf(headers)
    // A cookie's request is looked at more closely.
    const plain = typeof credential === 'string' && !isSession(credential)
    const session = plain ? sessions.peek(credential) : undefined
    if (session === undefined || !comesFromAnywhere(session.actor)) return undefined
    const resolution = resolutions.get(session, target, headers.get('accept') ?? '')
    const answer = resolution && answers.get(resolution.question.key)
    const at = now()
    if (answer === undefined || resolution === undefined || at - answer.storedAt >= answer.freshMs) return undefined

    const { cost, meter, name } = resolution
    if (!session.meter.ready(cost, at) || meter?.ready(1, at) === false) return undefined
    const decision = session.meter.take(cost, at, background)
    const own = meter?.take(1, at, background)

    const id = requestId(headers)
    const same = stamped(resolution, answer, session.meter, at)
    // The prepared headers are copied by the Response, so setting them first is all that a request costs.
    same.set('x-request-id', id)
    const decisions = own === undefined ? [decision] : [decision, own]
    if (decision.policy.limit > 0 || own !== undefined) same.set('ratelimit', rateLimit(decisions))
    const isWarned = decisions.some(isNear)
    if (isWarned) same.set('edgewise-plan-warning', planWarning(decisions))
    else if (resolution.isWarned === true) same.delete('edgewise-plan-warning')
    resolution.isWarned = isWarned
    const unchanged = matches(headers.get('if-none-match'), answer.etag)
    const status = unchanged ? 304 : 200
    const { actor } = session
    usage.record(
      {
        workspace: actor.workspace,
        timeMs: BigInt(at),
        requestId: id,
        method: 'GET',
        route,
        resource: name,
        status,
        actor: actor.id,
        cache: 'HIT',
        responseBytes: unchanged ? 0n : BigInt(answer.body.byteLength),
        cost,
      },
      background,
    )
    metrics.request('GET', route, status, 'HIT')
    return new Response(unchanged ? null : answer.body, { status, headers: same })
  }
}

/** The headers that only change with the answer or with the second. */
function stamped(
  resolution: Resolution,
  answer: NonNullable<Resolution['given']>['answer'],
  meter: Meter,
  at: number,
): Headers {
  let given = resolution.given
  if (given?.answer !== answer) {
    const headers = answerHeaders(answer, resolution.cost)
    const policies = rateLimitPolicy([meter.policy, ...(resolution.meter ? [resolution.meter.policy] : [])])
    if (policies !== '') headers.set('ratelimit-policy', policies)
    given = { answer, headers, stampedAt: Number.NEGATIVE_INFINITY }
    resolution.given = given
  }
  if (at - given.stampedAt >= 1_000) {
    given.stampedAt = at - (at % 1_000)
    given.headers.set('cache-control', cacheControl(answer, at))
    given.headers.set('cache-status', cacheStatus('HIT', answer, at))
  }
  return given.headers
}
