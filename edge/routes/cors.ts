import type { MiddlewareHandler } from 'hono'
import type { AppContext, AppEnv } from './context.ts'

const exposed = [
  'X-Request-Id',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Cache-Status',
  'ETag',
  'Edgewise-Query-Version',
  'Edgewise-Model',
  'Edgewise-Cost',
  'Edgewise-Fallback',
  'Edgewise-Key-Expires',
  'Edgewise-Plan-Warning',
  'Inference-Header-Content-Length',
].join(', ')
const allowed =
  'Authorization, X-API-Key, Content-Type, Content-Encoding, Accept, If-Match, If-None-Match, Idempotency-Key, X-Request-Id, X-CSRF-Token, Traceparent, Inference-Header-Content-Length, ' +
  'Upstash-Encoding, Upstash-Sync-Token, Upstash-Telemetry-Sdk, Upstash-Telemetry-Runtime, Upstash-Telemetry-Platform, Upstash-Telemetry-Retry'

/**
 * Browsers may read an answer where the workspace of the credential allows the origin. A preflight carries no credential, so
 * whose workspace it is cannot be known: it is granted to every origin, which gives nothing away — there are no cookies, a
 * request without the key gets 401, and the answer to one with the key is readable for the workspace's origins only.
 */
export function cors(): MiddlewareHandler<AppEnv> {
  return async function cors(c, next) {
    const origin = c.req.header('origin')
    if (origin === undefined) return next()
    if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined) {
      return new Response(null, {
        status: 204,
        headers: {
          'access-control-allow-origin': origin,
          'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
          'access-control-allow-headers': allowed,
          'access-control-max-age': '600',
          vary: 'Origin',
        },
      })
    }
    await next()
    if (!mayRead(c, origin)) return
    c.res.headers.set('access-control-allow-origin', origin)
    c.res.headers.set('access-control-expose-headers', exposed)
    c.res.headers.append('vary', 'Origin')
  }
}

/** Without a session there is nothing of a workspace in the answer: the API's description, a refusal. */
function mayRead(c: AppContext, origin: string): boolean {
  const { session } = c.var as { session?: typeof c.var.session }
  if (session === undefined) return true
  // One that is for some origins only was refused before it came here from any other.
  const { origins, corsOrigins } = session.actor
  return [...origins, ...corsOrigins].some((one) => one === '*' || one === origin)
}
