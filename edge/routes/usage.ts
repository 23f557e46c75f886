import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { UsageBy } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { failures, json, query } from './schemas.ts'

const kinds = {
  key: UsageBy.ACTOR,
  route: UsageBy.ROUTE,
  resource: UsageBy.RESOURCE,
  hour: UsageBy.HOUR,
  day: UsageBy.DAY,
} as const
const time = z.iso.datetime({ offset: true }).optional()
const Usage = z
  .object({
    data: z.array(
      z.object({
        by: z.string().optional().openapi({ description: 'What it is the sum of; a time as ISO 8601' }),
        requests: z.number(),
        failed: z.number().openapi({ description: '4xx and 5xx' }),
        cached: z.number(),
        cost: z.number().openapi({ description: 'What was charged against the plans’ requests' }),
        request_bytes: z.number(),
        response_bytes: z.number(),
        rows_read: z.number().openapi({ description: 'By queries, as far as the engine says' }),
        bytes_read: z.number(),
        events: z.number().openapi({ description: 'Rows that were sent, good or bad' }),
      }),
    ),
    plan: z
      .array(
        z.object({
          name: z.string(),
          limit: z.number(),
          window_s: z.number(),
          remaining: z.number(),
          reset_s: z.number(),
        }),
      )
      .openapi({ description: 'How rows, bytes and events of the caller’s own plan stand; requests are in RateLimit' }),
  })
  .openapi('Usage')

const read = createRoute({
  tags: ['usage'],
  summary: 'What was used, and how the plan stands',
  method: 'get',
  path: '/v1/usage',
  request: {
    query: query({
      from: time.openapi({ description: '24 hours before `to` if absent' }),
      to: time.openapi({ description: 'Now if absent' }),
      by: z.enum(['key', 'route', 'resource', 'hour', 'day']).optional(),
    }),
  },
  responses: { 200: json('Sums of requests, at most 1,000', Usage), ...failures },
})

export function usage(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(read, async (c) => {
    const { from, to, by } = c.req.valid('query')
    const found = await core.ingest.readUsage(
      {
        ...(from !== undefined && { from: timestampFromDate(new Date(from)) }),
        ...(to !== undefined && { to: timestampFromDate(new Date(to)) }),
        by: by === undefined ? UsageBy.UNSPECIFIED : kinds[by],
      },
      asCaller(callerOf(c)),
    )
    const data = found.usage.map((sum) => ({
      ...(by !== undefined && { by: sum.key }),
      requests: Number(sum.requests),
      failed: Number(sum.failed),
      cached: Number(sum.cached),
      cost: Number(sum.cost),
      request_bytes: Number(sum.requestBytes),
      response_bytes: Number(sum.responseBytes),
      rows_read: Number(sum.rowsRead),
      bytes_read: Number(sum.bytesRead),
      events: Number(sum.events),
    }))
    const plan = found.quotas.map(({ name, limit, windowSeconds, remaining, resetMs }) => ({
      name,
      limit: Number(limit),
      window_s: windowSeconds,
      remaining: Number(remaining),
      reset_s: Math.ceil(resetMs / 1000),
    }))
    return c.json({ data, plan }, 200)
  })
}
