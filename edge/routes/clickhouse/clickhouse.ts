import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { collect } from '../../cache/collect.ts'
import { asCaller } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { report } from '../../limit/enforce.ts'
import { type AppContext, type AppEnv, callerOf } from '../context.ts'
import { askedOf } from './asked.ts'
import { respond } from './respond.ts'

const tags = ['sql']
const exception = {
  description: 'An exception as ClickHouse words it, with its number in X-ClickHouse-Exception-Code',
  content: { 'text/plain': { schema: z.string() } },
}
const described = {
  tags,
  summary: 'Run a query, as ClickHouse’s HTTP interface does',
  description:
    'https://clickhouse.com/docs/interfaces/http, for reading: any other parameter is a setting. The key is the password of basic credentials, or X-ClickHouse-Key.',
  path: '/clickhouse',
  responses: {
    200: {
      description: 'The result, streamed, in the format that was asked for',
      content: { '*/*': { schema: z.string() } },
    },
    '4XX': exception,
    '5XX': exception,
  },
}
const url = z.object({
  query: z.string().optional().openapi({ example: 'SELECT count() FROM requests' }),
  default_format: z.string().optional().openapi({ example: 'JSONEachRow' }),
  database: z.string().optional(),
  query_id: z.string().optional(),
})
const read = createRoute({ ...described, method: 'get', request: { query: url } })
const post = createRoute({
  ...described,
  method: 'post',
  request: { query: url, body: { content: { 'text/plain': { schema: z.string() } } } },
})

/** Whoever asks whether a ClickHouse is there has no credential yet. */
export function clickHousePing(app: OpenAPIHono<AppEnv>): void {
  app.get('/clickhouse/ping', (c) => c.text('Ok.\n'))
}

export function clickHouse(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  for (const route of [read, post]) {
    app.openAPIRegistry.registerPath(route)
    app.on(route.method.toUpperCase(), ['/clickhouse', '/clickhouse/'], (c) => run(c, deps))
  }
  // ClickHouse's driver for Java knows no path.
  app.post('/', (c) => run(c, deps))
}

async function run(c: AppContext, deps: Deps): Promise<Response> {
  const asked = await askedOf(c.req.raw)
  const { sql, params, format, settings, database } = asked
  const collected = await collect(
    deps.core.query.runSql({ sql, params, clickhouse: { format, settings, database } }, asCaller(callerOf(c))),
  )
  report(c, collected.head.quotas)
  if (collected.whole) c.set('read', collected.read)
  return respond(deps, collected, asked, c.var.requestId)
}
