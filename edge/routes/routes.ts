import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { ifVersion, versionTag } from './preconditions.ts'
import { Count, failures, Flag, json, jsonBody, Name, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const fields = {
  path: z
    .string()
    .max(200)
    .openapi({ description: 'Requests to `/r/{workspace}` and this, and below', example: '/shop' }),
  upstream: z
    .string()
    .max(1_000)
    .openapi({ description: 'The rest of the path is appended to it', example: 'https://shop.example.com/api' }),
  methods: z
    .array(z.string().max(20))
    .max(20)
    .optional()
    .openapi({ description: 'All if absent', example: ['GET'] }),
  keep_path: z.boolean().optional().openapi({ description: 'The upstream gets `path` too' }),
  public: z.boolean().optional().openapi({ description: 'Anybody may call it; each network has the limit for itself' }),
  timeout_ms: z
    .int()
    .min(1)
    .max(300_000)
    .optional()
    .openapi({ description: 'Until the answer begins; 30,000 if absent' }),
  retries: z
    .int()
    .min(0)
    .max(5)
    .optional()
    .openapi({ description: 'Of idempotent requests that nobody answered; 2 if absent' }),
  cache: z
    .strictObject({ ttl_s: Count, swr_s: Count.optional(), stale_if_error_s: Count.optional() })
    .optional()
    .openapi({ description: 'For answers that do not say themselves how long they hold. Without it nothing is kept' }),
  limit: z
    .strictObject({ requests: Count, window_s: z.int().min(1).max(86_400).optional(), cost: Count.optional() })
    .optional()
    .openapi({ description: 'For each caller, beside its plan, of which a request costs `cost`' }),
  remove_headers: z.array(z.string().max(100)).max(20).optional(),
  description: z.string().max(2_000).optional(),
}
const New = z
  .strictObject({
    ...fields,
    set_headers: z
      .record(z.string(), z.string().max(4_096).nullable())
      .optional()
      .openapi({
        description: 'What the upstream is sent beside the caller’s headers; null keeps the value that is there',
        example: { authorization: 'Bearer of-the-upstream' },
      }),
  })
  .openapi('NewRoute', { description: 'A path that leads to one of your own services' })
const Shape = z
  .object({
    name: Name,
    version: z.int(),
    url: z.string().openapi({ example: '/r/main/shop' }),
    ...fields,
    set_headers: z.array(z.string()).optional().openapi({ description: 'Their names: values are not told' }),
    disabled: z.string().optional().openapi({ description: 'Why it is not served' }),
  })
  .openapi('Route')

function routeShape(route: Route, workspace: string): z.input<typeof Shape> {
  const { name, version, path, upstream, methods, timeoutMs, retries, cache, limit, setHeaders, removeHeaders } = route
  return {
    name,
    version,
    url: `/r/${workspace}${path === '/' ? '' : path}`,
    path,
    upstream,
    ...(methods.length > 0 && { methods }),
    ...(route.keepPath && { keep_path: true }),
    public: route.public,
    timeout_ms: timeoutMs,
    retries,
    ...(cache && {
      cache: {
        ttl_s: cache.ttlSeconds,
        swr_s: cache.staleWhileRevalidateSeconds,
        stale_if_error_s: cache.staleIfErrorSeconds,
      },
    }),
    ...(limit && { limit: { requests: limit.requests, window_s: limit.windowSeconds, cost: limit.cost } }),
    ...(setHeaders.length > 0 && { set_headers: setHeaders.map((header) => header.name) }),
    ...(removeHeaders.length > 0 && { remove_headers: removeHeaders }),
    ...(route.description !== '' && { description: route.description }),
    ...(route.disabled !== '' && { disabled: route.disabled }),
  }
}

const tags = ['routes']
const params = z.object({ name: Name })
const list = createRoute({
  tags,
  summary: 'List routes',
  method: 'get',
  path: '/v1/routes',
  request: { query: query(page) },
  responses: { 200: json('Routes, by name', pageOf(Shape)), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One route',
  method: 'get',
  path: '/v1/routes/{name}',
  request: { params, query: query({}) },
  responses: { 200: json('The route', Shape), ...failures },
})
const put = createRoute({
  tags,
  summary: 'Define a route',
  method: 'put',
  path: '/v1/routes/{name}',
  request: { params, query: query({ dry_run: Flag }), ...jsonBody(New) },
  responses: { 200: json('The route as it is now (or would be)', Shape), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'End a route',
  method: 'delete',
  path: '/v1/routes/{name}',
  request: { params, query: query({}) },
  responses: { 204: { description: 'It is no longer served' }, ...failures },
})

export function routes(app: OpenAPIHono<AppEnv>, { core, gateways }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.gateway.listRoutes(paging(c.req.valid('query')), asCaller(callerOf(c)))
    const { workspace } = c.var.session.actor
    const data = found.routes.map((route) => routeShape(route, workspace))
    return c.json({ data, next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(get, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const route = await core.gateway.getRoute({ name }, asCaller(callerOf(c)))
    return c.json(routeShape(route, c.var.session.actor.workspace), 200, { etag: versionTag(route.version) })
  })
  app.openapi(put, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const asked = c.req.valid('json')
    const { cache, limit } = asked
    const route = await core.gateway.putRoute(
      {
        route: {
          name,
          path: asked.path,
          upstream: asked.upstream,
          methods: asked.methods ?? [],
          keepPath: asked.keep_path ?? false,
          public: asked.public ?? false,
          timeoutMs: asked.timeout_ms ?? 30_000,
          retries: asked.retries ?? 2,
          ...(cache && {
            cache: {
              ttlSeconds: cache.ttl_s,
              staleWhileRevalidateSeconds: cache.swr_s ?? 0,
              staleIfErrorSeconds: cache.stale_if_error_s ?? 0,
            },
          }),
          ...(limit && {
            limit: { requests: limit.requests, windowSeconds: limit.window_s ?? 60, cost: limit.cost ?? 1 },
          }),
          setHeaders: Object.entries(asked.set_headers ?? {}).map(([header, value]) => ({
            name: header.toLowerCase(),
            ...(value !== null && { value }),
          })),
          removeHeaders: (asked.remove_headers ?? []).map((header) => header.toLowerCase()),
          description: asked.description ?? '',
        },
        ifVersion: ifVersion(c.req.header('if-match')),
        dryRun: c.req.valid('query').dry_run ?? false,
      },
      asCaller(callerOf(c)),
    )
    const { workspace } = c.var.session.actor
    gateways.forget(workspace)
    return c.json(routeShape(route, workspace), 200, { etag: versionTag(route.version) })
  })
  app.openapi(remove, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    await core.gateway.deleteRoute({ name }, asCaller(callerOf(c)))
    gateways.forget(c.var.session.actor.workspace)
    return c.body(null, 204)
  })
}
