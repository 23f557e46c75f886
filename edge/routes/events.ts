import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { asCaller } from '../core.ts'
import { report } from '../limit/enforce.ts'
import type { Deps } from '../deps.ts'
import { readBody } from './body.ts'
import { type AppEnv, callerOf } from './context.ts'
import { failures, Flag, json, Name, query, rowErrorShape, RowErrors } from './schemas.ts'
import { schemaShape, StreamSchema } from './streams.ts'

const Written = z
  .object({
    accepted: z.int(),
    quarantined: z.int(),
    errors: RowErrors,
    offsets: z.array(z.object({ partition: z.int(), offset: z.int() })),
    replayed: z
      .boolean()
      .optional()
      .openapi({ description: 'The stored answer to an earlier request with this Idempotency-Key' }),
    schema: StreamSchema.optional().openapi({ description: 'Where this batch made the stream, or added columns' }),
  })
  .openapi('Written')

const rows = { schema: z.string().openapi({ format: 'binary' }) }
const write = createRoute({
  tags: ['events'],
  summary: 'Send events',
  method: 'post',
  path: '/v1/events/{stream}',
  request: {
    params: z.object({ stream: Name }),
    query: query({ wait: Flag, strict: Flag, dry_run: Flag }),
    headers: z.object({ 'idempotency-key': z.string().max(255).optional() }),
  },
  responses: { 200: json('Queryable, or a dry run', Written), 202: json('Durable', Written), ...failures },
})

export function events(app: OpenAPIHono<AppEnv>, { core, settings }: Deps): void {
  app.openAPIRegistry.registerPath({
    ...write,
    request: {
      ...write.request,
      body: { required: true, content: { 'application/json': rows, 'application/x-ndjson': rows, 'text/csv': rows } },
    },
  })
  app.openapi({ ...write, hide: true }, async (c) => {
    const { stream } = c.req.valid('param')
    const { wait = false, strict = false, dry_run: dryRun = false } = c.req.valid('query')
    // Before the body is read, which may be long.
    core.breakers.ingest.check({ share: c.var.session.actor.workspace, priority: 'interactive' })
    const body = await readBody(c.req.raw, settings.EVENTS_MAX_BYTES)
    c.set('resource', stream)
    c.set('requestBytes', body.byteLength)
    const answer = await core.ingest.writeEvents(
      {
        stream,
        body,
        contentType: c.req.header('content-type') ?? '',
        contentEncoding: c.req.header('content-encoding') ?? '',
        idempotencyKey: c.req.header('idempotency-key') ?? '',
        wait,
        strict,
        dryRun,
      },
      asCaller(callerOf(c)),
    )
    // A repeat was counted when it came first; what was only tried was not written.
    if (!answer.replayed && !dryRun) c.set('events', answer.accepted + answer.quarantined)
    report(c, answer.quotas)
    return c.json(
      {
        accepted: answer.accepted,
        quarantined: answer.quarantined,
        errors: answer.errors.map(rowErrorShape),
        offsets: answer.offsets.map(({ partition, offset }) => ({ partition, offset: Number(offset) })),
        ...(answer.replayed && { replayed: true }),
        ...(answer.inferred && { schema: schemaShape(answer.inferred) }),
      },
      answer.queryable || dryRun ? 200 : 202,
    )
  })
}
