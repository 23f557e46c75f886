import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Query } from '#proto/edgewise/query/v1/query_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { ifVersion, versionTag } from './preconditions.ts'
import { Count, failures, Flag, iso, json, jsonBody, Name, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const Value = z.union([z.string(), z.number(), z.boolean()])
const Parameter = z.strictObject({
  type: z.string().optional().openapi({ example: 'DateTime', description: 'As in the text; need not be repeated' }),
  default: z
    .union([Value, z.array(Value)])
    .nullable()
    .optional(),
  required: z.boolean().optional(),
  enum: z.array(Value).optional(),
  description: z.string().max(2_000).optional(),
})
const Seconds = z.int().min(0).max(31_536_000)
const definition = {
  sql: z.string().min(1).openapi({ example: 'SELECT count() AS hits FROM requests WHERE path = {path:String}' }),
  params: z.record(z.string(), Parameter).optional(),
  cache: z.strictObject({ ttl_s: Seconds, swr_s: Seconds.optional(), stale_if_error_s: Seconds.optional() }).optional(),
  limit: z
    .strictObject({
      requests: Count,
      window_s: z.int().min(1).max(86_400).optional(),
      cost: z.int().min(1).max(10_000).optional(),
    })
    .optional(),
  description: z.string().max(2_000).optional(),
}
const Definition = z.strictObject(definition).openapi('QueryDefinition')
// Not extended from the one above: a description of both together would allow neither's members.
const Shape = z
  .object({
    ...definition,
    name: Name,
    version: z.int(),
    live: z.boolean(),
    url: z.string(),
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    created_at: z.iso.datetime().optional(),
  })
  .openapi('Query')

function queryShape(found: Query): z.input<typeof Shape> {
  const { name, version, live, sql, description, cache, limit } = found
  const params = found.parameters.map(
    ({ name: parameter, type, defaultValue, required, enumValues, description: said }) => [
      parameter,
      {
        type,
        ...(defaultValue !== undefined && { default: defaultValue }),
        ...(required && { required }),
        ...(enumValues.length > 0 && { enum: enumValues }),
        ...(said !== '' && { description: said }),
      },
    ],
  )
  return {
    name,
    version,
    live,
    url: `/v1/endpoints/${name}`,
    sql,
    params: Object.fromEntries(params),
    ...(cache && {
      cache: {
        ttl_s: cache.ttlSeconds,
        swr_s: cache.staleWhileRevalidateSeconds,
        stale_if_error_s: cache.staleIfErrorSeconds,
      },
    }),
    ...(limit &&
      (limit.requests > 0 || limit.cost > 1) && {
        limit: { requests: limit.requests, window_s: limit.windowSeconds || 60, cost: limit.cost || 1 },
      }),
    ...(description !== '' && { description }),
    columns: found.columns.map((column) => ({ name: column.name, type: column.type })),
    ...(found.createdAt && { created_at: iso(found.createdAt) }),
  }
}

function parameterMessage([name, { type, default: value, required, enum: values, description }]: [
  string,
  z.output<typeof Parameter>,
]) {
  return {
    name,
    type: type ?? '',
    ...(value !== undefined &&
      value !== null && { defaultValue: Array.isArray(value) ? JSON.stringify(value) : String(value) }),
    required: required ?? false,
    enumValues: (values ?? []).map(String),
    description: description ?? '',
  }
}

const tags = ['queries']
const params = z.object({ name: Name })
const list = createRoute({
  tags,
  summary: 'List published queries',
  method: 'get',
  path: '/v1/queries',
  request: { query: query(page) },
  responses: { 200: json('Live queries, by name', pageOf(Shape)), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One query',
  method: 'get',
  path: '/v1/queries/{name}',
  request: { params, query: query({ version: z.coerce.number().int().min(1).max(0x7fff_ffff).optional() }) },
  responses: { 200: json('The query', Shape), ...failures },
})
const versions = createRoute({
  tags,
  summary: 'The versions of a query',
  method: 'get',
  path: '/v1/queries/{name}/versions',
  request: { params, query: query(page) },
  responses: { 200: json('Versions, newest first', pageOf(Shape)), ...failures },
})
const put = createRoute({
  tags,
  summary: 'Publish a query',
  method: 'put',
  path: '/v1/queries/{name}',
  request: { params, query: query({ dry_run: Flag }), ...jsonBody(Definition) },
  responses: { 200: json('The query as it is now (or would be)', Shape.extend({ changed: z.boolean() })), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'Unpublish a query',
  method: 'delete',
  path: '/v1/queries/{name}',
  request: { params, query: query({}) },
  responses: { 204: { description: 'It is no longer served' }, ...failures },
})

export function queries(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.query.listQueries(paging(c.req.valid('query')), asCaller(callerOf(c)))
    return c.json({ data: found.queries.map(queryShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(get, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const found = await core.query.describeQuery(
      { name, version: c.req.valid('query').version ?? 0 },
      asCaller(callerOf(c)),
    )
    return c.json(queryShape(found), 200, { etag: versionTag(found.version) })
  })
  app.openapi(versions, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const found = await core.query.listQueryVersions({ name, ...paging(c.req.valid('query')) }, asCaller(callerOf(c)))
    return c.json({ data: found.queries.map(queryShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(put, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const { sql, cache, limit, description, ...given } = c.req.valid('json')
    const { query: found, changed } = await core.query.putQuery(
      {
        name,
        sql,
        parameters: Object.entries(given.params ?? {}).map(parameterMessage),
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
        description: description ?? '',
        ifVersion: ifVersion(c.req.header('if-match')),
        dryRun: c.req.valid('query').dry_run ?? false,
      },
      asCaller(callerOf(c)),
    )
    return c.json({ ...queryShape(found!), changed }, 200, { etag: versionTag(found!.version) })
  })
  app.openapi(remove, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    await core.query.deleteQuery({ name }, asCaller(callerOf(c)))
    return c.body(null, 204)
  })
}
