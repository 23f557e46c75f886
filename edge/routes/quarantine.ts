import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { QuarantinedRow } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { rewriteExact } from './body.ts'
import { type AppEnv, callerOf } from './context.ts'
import {
  failures,
  iso,
  json,
  jsonBody,
  Name,
  nextCursor,
  page,
  pageOf,
  paging,
  query,
  rowErrorShape,
  RowErrors,
} from './schemas.ts'

const Row = z
  .object({
    id: z.string(),
    time: z.iso.datetime().optional(),
    column: z.string().optional(),
    reason: z.string(),
    text: z.string(),
  })
  .openapi('QuarantinedRow')
const Id = z.string().min(1).max(256)
const Replay = z
  .strictObject({
    rows: z
      .array(
        z.strictObject({
          id: Id,
          row: z.record(z.string(), z.unknown()).optional().openapi({ description: 'What to send instead' }),
          text: z.string().optional().openapi({ description: 'The same, as JSON text. Neither: the row as it came' }),
        }),
      )
      .min(1)
      .max(1_000),
  })
  .openapi('Replay')

function rowShape({ id, time, column, reason, text }: QuarantinedRow): z.input<typeof Row> {
  return { id, ...(time && { time: iso(time) }), ...(column !== '' && { column }), reason, text }
}

const tags = ['quarantine']
const params = z.object({ stream: Name })
const list = createRoute({
  tags,
  summary: 'Rows of a stream that were refused',
  method: 'get',
  path: '/v1/quarantine/{stream}',
  request: { params, query: query(page) },
  responses: { 200: json('Refused rows, oldest first', pageOf(Row)), ...failures },
})
const replay = createRoute({
  tags,
  summary: 'Mend and send refused rows again',
  method: 'post',
  path: '/v1/quarantine/{stream}/replay',
  request: { params, query: query({}), ...jsonBody(Replay) },
  responses: {
    200: json(
      'What became of them',
      z.object({
        accepted: z.int(),
        errors: RowErrors,
      }),
    ),
    ...failures,
  },
})
const discard = createRoute({
  tags,
  summary: 'Give refused rows up',
  method: 'post',
  path: '/v1/quarantine/{stream}/discard',
  request: {
    params,
    query: query({}),
    ...jsonBody(
      z.union([z.strictObject({ ids: z.array(Id).min(1).max(1_000) }), z.strictObject({ all: z.literal(true) })]),
    ),
  },
  responses: { 200: json('How many', z.object({ discarded: z.int() })), ...failures },
})

export function quarantine(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const { stream } = c.req.valid('param')
    c.set('resource', stream)
    const { rows, nextCursor: next } = await core.ingest.listQuarantine(
      { stream, ...paging(c.req.valid('query')) },
      asCaller(callerOf(c)),
    )
    const data = rows.map(rowShape)
    return c.json({ data, next_cursor: nextCursor(next) }, 200)
  })
  app.openapi(replay, async (c) => {
    const { stream } = c.req.valid('param')
    c.set('resource', stream)
    // Validated above; read once more so that a number of a mended row keeps all its digits.
    const { rows } = rewriteExact(await c.req.text()) as { rows: { row?: unknown }[] }
    const { accepted, errors } = await core.ingest.replayQuarantine(
      {
        stream,
        rows: c.req.valid('json').rows.map(({ id, row, text }, at) => ({
          id,
          text: row === undefined ? (text ?? '') : JSON.stringify(rows[at]?.row),
        })),
      },
      asCaller(callerOf(c)),
    )
    c.set('events', accepted)
    return c.json(
      {
        accepted,
        errors: errors.map(rowErrorShape),
      },
      200,
    )
  })
  app.openapi(discard, async (c) => {
    const { stream } = c.req.valid('param')
    c.set('resource', stream)
    const body = c.req.valid('json')
    const { discarded } = await core.ingest.discardQuarantine(
      { stream, ids: 'ids' in body ? body.ids : [] },
      asCaller(callerOf(c)),
    )
    return c.json({ discarded }, 200)
  })
}
