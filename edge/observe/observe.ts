import type { MiddlewareHandler } from 'hono'
import type { Session } from '../auth/sessions.ts'
import type { Deps } from '../deps.ts'
import { addressOf } from '../limit/address.ts'
import { limitFields } from '../limit/headers.ts'
import { type AppEnv, backgroundOf } from '../routes/context.ts'
import { routePattern } from './route-pattern.ts'

/** So long before a key ends, every answer to it says so. */
const warnedMs = 14 * 86_400_000

/** Whether answers say that the credential ends; a token always does, soon. */
export function isEnding({ byToken, expiresAtMs }: Session, at: number): boolean {
  return !byToken && expiresAtMs - at < warnedMs
}

/** Gives the request its id, and when it is answered: the headers that every answer has, its usage event, its count. */
export function observe({ requestId, metrics, usage, watch, now, settings }: Deps): MiddlewareHandler<AppEnv> {
  return async function observe(c, next) {
    const startedAt = now()
    watch(backgroundOf(c))
    c.set('requestId', requestId(c.req.raw.headers))
    c.set('address', addressOf(c.req.raw, settings.CLIENT_ADDRESS_HEADER))
    c.set('decisions', [])
    c.set('cost', 1)
    c.set('cache', '')
    c.set('resource', '')
    c.set('version', 0)
    c.set('requestBytes', 0)
    c.set('read', undefined)
    c.set('events', 0)
    await next()

    const { headers, status } = c.res
    headers.set('x-request-id', c.var.requestId)
    headers.set('x-content-type-options', 'nosniff')
    for (const [name, value] of Object.entries(limitFields(c.var.decisions))) headers.set(name, value)
    const route = routePattern(c)
    metrics.request(c.req.method, route, status, c.var.cache)
    const { session } = c.var as { session?: typeof c.var.session }
    if (session === undefined) return
    if (isEnding(session, startedAt)) {
      headers.set('edgewise-key-expires', new Date(session.expiresAtMs).toISOString())
    }
    usage.record(
      {
        workspace: session.actor.workspace,
        timeMs: BigInt(startedAt),
        requestId: c.var.requestId,
        method: c.req.method,
        route,
        resource: c.var.resource,
        status,
        durationUs: BigInt(Math.max(0, now() - startedAt) * 1000),
        actor: session.actor.id,
        cache: c.var.cache,
        requestBytes: BigInt(c.var.requestBytes),
        responseBytes: BigInt(Number(headers.get('content-length') ?? 0) || 0),
        cost: c.var.cost,
        rowsRead: c.var.read?.rows ?? 0n,
        bytesRead: c.var.read?.bytes ?? 0n,
        events: BigInt(c.var.events),
        version: c.var.version,
      },
      backgroundOf(c),
    )
  }
}
