import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import type { NamedLimit } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, backgroundOf, callerOf } from './context.ts'
import { failures, json, jsonBody, Name, nextCursor, page, pageOf, paging, query } from './schemas.ts'
import { standingOf, Standing } from './verify.ts'

const fields = {
  requests: z.int().min(1).max(1_000_000_000).openapi({ description: 'Units in a window, for each subject' }),
  window_s: z.int().min(1).max(86_400).optional().openapi({ description: 'Sliding; 60 if absent' }),
  burst: z.int().min(1).max(1_000_000_000).optional().openapi({ description: 'Units at once; all if absent' }),
}
const New = z.strictObject(fields).openapi('NewLimit', { description: 'A rate limit for your own services' })
const Shape = z.object({ name: Name, ...fields }).openapi('Limit')
const Use = z
  .strictObject({
    subject: z.string().min(1).max(256).openapi({ description: 'Who is limited', example: 'customer-7' }),
    cost: z.int().min(0).max(1_000_000).optional().openapi({ description: '1 if absent; 0 only asks' }),
  })
  .openapi('UseLimit')
const Used = Standing.extend({ allowed: z.boolean() }).openapi('UsedLimit')

function limitShape({ name, requests, windowSeconds, burst }: NamedLimit): z.input<typeof Shape> {
  return { name, requests, window_s: windowSeconds, ...(burst > 0 && { burst }) }
}

const tags = ['limits']
const params = z.object({ name: Name })
const path = '/v1/limits/{name}'
const list = createRoute({
  tags,
  summary: 'List limits',
  method: 'get',
  path: '/v1/limits',
  request: { query: query(page) },
  responses: { 200: json('Limits, by name', pageOf(Shape)), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One limit',
  method: 'get',
  path,
  request: { params, query: query({}) },
  responses: { 200: json('The limit', Shape), ...failures },
})
const put = createRoute({
  tags,
  summary: 'Define a limit; what was used of it stays used',
  method: 'put',
  path,
  request: { params, query: query({}), ...jsonBody(New) },
  responses: { 200: json('The limit', Shape), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'End a limit',
  method: 'delete',
  path,
  request: { params, query: query({}) },
  responses: { 204: { description: 'It is gone' }, ...failures },
})
const use = createRoute({
  tags,
  summary: 'Charge a limit, for your own services',
  description: 'Answers 200 either way.',
  method: 'post',
  path,
  request: { params, query: query({}), ...jsonBody(Use) },
  responses: { 200: json('Whether it may go on, and how the subject stands', Used), ...failures },
})

export function limits(app: OpenAPIHono<AppEnv>, { core, gateways, meters }: Deps): void {
  app.openapi(use, async (c) => {
    const { name } = c.req.valid('param')
    const { subject, cost = 1 } = c.req.valid('json')
    const { workspace, scopes } = c.var.session.actor
    c.set('resource', name)
    if (!allows(scopes, 'limits:use', name)) throw new Failure('auth.scope', `This needs the scope limits:use:${name}.`)
    const found = (await gateways.get(workspace, c.var.requestId)).limitOf(name)
    if (found === undefined) throw new Failure('resource.not_found', `There is no limit \`${name}\`.`)
    const { requests, windowSeconds, burst } = found
    const meter = meters(`limit:${workspace}/${name}/${subject}`, {
      name,
      limit: requests,
      windowMs: windowSeconds * 1000,
      ...(burst > 0 && { burst }),
    })
    const decision = await meter.acquire(cost, backgroundOf(c))
    return c.json({ allowed: decision.allowed, ...standingOf(decision) }, 200)
  })
  app.openapi(list, async (c) => {
    const found = await core.gateway.listLimits(paging(c.req.valid('query')), asCaller(callerOf(c)))
    return c.json({ data: found.limits.map(limitShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(get, async (c) =>
    c.json(limitShape(await core.gateway.getLimit(c.req.valid('param'), asCaller(callerOf(c)))), 200),
  )
  app.openapi(put, async (c) => {
    const { requests, window_s: windowSeconds = 60, burst = 0 } = c.req.valid('json')
    const limit = { ...c.req.valid('param'), requests, windowSeconds, burst }
    const found = await core.gateway.putLimit({ limit }, asCaller(callerOf(c)))
    gateways.forget(c.var.session.actor.workspace)
    return c.json(limitShape(found), 200)
  })
  app.openapi(remove, async (c) => {
    await core.gateway.deleteLimit(c.req.valid('param'), asCaller(callerOf(c)))
    gateways.forget(c.var.session.actor.workspace)
    return c.body(null, 204)
  })
}
