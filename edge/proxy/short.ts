import { isSession } from '../auth/cookie.ts'
import { credentialOf } from '../auth/credential.ts'
import { comesFromAnywhere } from '../auth/place.ts'
import type { Background } from '../core.ts'
import type { Deps } from '../deps.ts'
import { addressOf } from '../limit/address.ts'
import { rateLimit, rateLimitPolicy } from '../limit/headers.ts'
import { answerFailure } from '../routes/problems.ts'
import { exchange } from './exchange.ts'
import { type HeaderRecord, recordOf, upstreamRequest } from './headers.ts'
import { isAmbiguous, targetOf, upstreamUrl } from './path.ts'
import { allows } from '#mesh/scopes.ts'

/** What asks for more than an answer. */
const notPlain = ['origin', 'upgrade', 'content-length', 'transfer-encoding']

/**
 * The short way of a GET through a route: for a caller and a route that are known here and nothing out of the ordinary. The same
 * steps in the same order as the long way (proxy.ts), each by look-ups that never wait. Whatever is not ready, or not
 * plain, is left to the long way by answering undefined, before anything is charged.
 */
export function createShort(deps: Deps) {
  const { sessions, feed, gateways, settings, requestId, usage, metrics, now } = deps
  return function short(request: Request, url: string, background: Background): Promise<Response> | undefined {
    if (!url.startsWith('/r/', url.indexOf('/', 8))) return undefined
    const given = recordOf(request.headers)
    if (notPlain.some((name) => given[name] !== undefined) || !feed.current(background)) return undefined
    const headers = { get: (name: string) => given[name] ?? null }
    const credential = credentialOf(headers)
    if (typeof credential !== 'string' || isSession(credential)) return undefined
    const session = sessions.peek(credential)
    if (session === undefined || !comesFromAnywhere(session.actor)) return undefined
    const { actor, meter } = session
    const target = targetOf(url)
    const route = gateways.peek(target.workspace)?.routeOf(target.path)
    if (route === undefined || route.public || route.cache !== undefined || route.disabled !== '') return undefined
    if (actor.workspace !== target.workspace || !allows(actor.scopes, 'routes:call', route.name)) return undefined
    if (route.methods.length > 0 || (route.limit?.requests ?? 0) > 0 || isAmbiguous(target.path)) return undefined
    const startedAt = now()
    const cost = route.limit?.cost || 1
    if (!meter.ready(cost, startedAt)) return undefined

    const decision = meter.take(cost, startedAt, background)
    const id = requestId(headers)
    const address = addressOf(request, settings.CLIENT_ADDRESS_HEADER)
    const hop = { actor, address, requestId: id, url, to: upstreamUrl(route, target) }
    const outgoing = { request: upstreamRequest(request, given, route, hop), background }
    const own: HeaderRecord = { 'x-request-id': id }
    if (decision.policy.limit > 0) {
      own['ratelimit'] = rateLimit([decision])
      own['ratelimit-policy'] = rateLimitPolicy([decision.policy])
    }
    const record = (status: number): void => {
      metrics.request('GET', '/r/*', status, '')
      usage.record(
        {
          workspace: actor.workspace,
          timeMs: BigInt(startedAt),
          requestId: id,
          method: 'GET',
          route: '/r/*',
          resource: route.name,
          status,
          durationUs: BigInt(Math.max(0, now() - startedAt) * 1000),
          actor: actor.id,
          cost,
        },
        background,
      )
    }
    return exchange(deps, actor.workspace, route, outgoing, own).then(
      (response) => {
        record(response.status)
        return response
      },
      (thrown: unknown) => {
        const failed = answerFailure(deps, thrown, id)
        for (const name in own) failed.headers.set(name, own[name]!)
        record(failed.status)
        return failed
      },
    )
  }
}
