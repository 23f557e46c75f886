import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import { collect } from '../cache/collect.ts'
import { streamHeaders } from '../cache/headers.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { report } from '../limit/enforce.ts'
import { maxJsonBytes, paramsOf, parseExact, readBody, textOf } from './body.ts'
import { type AppContext, type AppEnv, callerOf } from './context.ts'
import { type FormatName, formatNames, formatOf, formats } from './formats.ts'
import { invalid } from './problems.ts'
import { failures, query } from './schemas.ts'

const timeoutMs = z.coerce
  .number()
  .int()
  .min(1)
  .max(300_000)
  .optional()
  .openapi({ description: 'The query may take so long' })
const presentation = {
  format: z
    .enum(formatNames)
    .optional()
    .openapi({ description: 'Where the text has no FORMAT. Else by Accept, else json' }),
  timeout_ms: timeoutMs,
  timezone: z.string().max(64).optional().openapi({ example: 'Europe/Berlin' }),
  int64: z.enum(['number', 'string']).optional().openapi({ description: '`string` quotes 64-bit integers in JSON' }),
}
const Sql = z
  .strictObject({
    query: z.string().min(1).openapi({ example: 'SELECT count() FROM requests' }),
    params: z.record(z.string(), z.unknown()).optional(),
    ...presentation,
  })
  .openapi('Sql')

const tags = ['sql']
const content = {
  'application/json': { schema: z.unknown() },
  'application/x-ndjson': { schema: z.unknown() },
  'text/csv': { schema: z.string() },
}
const result = {
  200: { description: 'The result, streamed', content },
  202: { description: 'A training has begun: its model, version, job and status', content },
  ...failures,
}
const read = createRoute({
  tags,
  summary: 'Run a query',
  method: 'get',
  path: '/v1/sql',
  request: { query: query({ q: z.string().min(1), ...presentation }) },
  responses: result,
})
const post = createRoute({
  tags,
  summary: 'Run a query',
  method: 'post',
  path: '/v1/sql',
  request: { query: query(presentation) },
  responses: result,
})

type Statement = z.output<typeof Sql>

export function sql(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  app.openapi(read, (c) => {
    const { q, ...rest } = c.req.valid('query')
    return run(c, deps, { query: q, ...rest })
  })
  app.openAPIRegistry.registerPath({
    ...post,
    request: {
      ...post.request,
      body: { required: true, content: { 'application/json': { schema: Sql }, 'text/plain': { schema: z.string() } } },
    },
  })
  app.openapi({ ...post, hide: true }, async (c) => {
    const text = textOf(await readBody(c.req.raw, maxJsonBytes))
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? 'text/plain'
    const above = c.req.valid('query')
    // `curl -d` calls whatever it sends a form.
    if (type === 'text/plain' || type === 'application/x-www-form-urlencoded')
      return run(c, deps, { query: text, ...above })
    if (type !== 'application/json') {
      throw new Failure('request.unsupported_media_type', `${type.slice(0, 100)} is not a query.`, {
        hint: 'Send application/json or text/plain.',
      })
    }
    const parsed = Sql.safeParse(parseExact(text))
    if (!parsed.success) throw invalid('json', parsed.error.issues)
    return run(c, deps, { ...above, ...parsed.data })
  })
}

async function run(c: AppContext, { core }: Deps, statement: Statement): Promise<Response> {
  const { query: text, format, timezone = '', int64 } = statement
  const params = [...paramsOf(statement.params ?? {})].map(([name, [value = '']]) => [name, value] as const)
  const answered = await collect(
    core.query.runSql(
      {
        sql: text,
        params: Object.fromEntries(params),
        format: format === undefined ? formatOf(c.req.header('accept') ?? null) : formats[format satisfies FormatName],
        timezone,
        int64AsString: int64 === 'string',
      },
      asCaller(callerOf(c), statement.timeout_ms),
    ),
  )
  report(c, answered.head.quotas)
  if (answered.whole) c.set('read', answered.read)
  return new Response(answered.body, {
    status: answered.head.accepted ? 202 : 200,
    headers: streamHeaders(answered.head, c.var.cost),
  })
}
