import { OpenAPIHono } from '@hono/zod-openapi'
import type { ExecutionContext } from 'hono'
import { create } from '@bufbuild/protobuf'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { createDeps } from '../../edge/deps.ts'
import { parseEnv } from '../../edge/env.ts'
import { observe } from '../../edge/observe/observe.ts'
import type { AppEnv } from '../../edge/routes/context.ts'
import { endpoints } from '../../edge/routes/endpoints/endpoints.ts'

/** The edge without its authentication and its limit: everybody is one actor without a plan. Only to measure against. */
export { RateLimiter } from '../../edge/limit/durable.ts'

let app: OpenAPIHono<AppEnv> | undefined

function createOpenApp(env: unknown): OpenAPIHono<AppEnv> {
  const deps = createDeps(parseEnv(env))
  const actor = create(ActorSchema, { workspace: 'main', id: 'key_open', scopes: ['endpoints:read'] })
  const meter = deps.limiter.meter('open', { name: 'open', limit: 0, windowMs: 60_000 })
  const session = { id: 0, actor, expiresAtMs: Infinity, byToken: false, predicate: '', meter }
  const open = new OpenAPIHono<AppEnv>()
  open.use(observe(deps), async (c, next) => {
    c.set('session', session)
    c.set('credential', 'open')
    c.set('degraded', false)
    await next()
  })
  endpoints(open, deps)
  return open
}

export function openFetch(request: Request, env: unknown, ctx: ExecutionContext): Response | Promise<Response> {
  app ??= createOpenApp(env)
  return app.fetch(request, {}, ctx)
}
