import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import {
  AuditEntry_Outcome,
  type AuditEntry,
  type AuditLink,
  type ListAuditResponse,
} from '#proto/edgewise/audit/v1/audit_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { failures, iso, json, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const Entry = z
  .object({
    seq: z.int().openapi({ description: 'From 1, without gaps' }),
    at: z.iso.datetime(),
    actor: z.string().openapi({ example: 'key_0mf2' }),
    action: z.string().openapi({ example: 'create_key' }),
    resource: z.string().openapi({ example: 'key/key_0mf3' }),
    outcome: z.enum(['done', 'refused']),
    code: z.string().openapi({ description: 'The problem’s, for what was refused' }),
    detail: z.record(z.string(), z.unknown()),
    request_id: z.string(),
    hash: z.string().openapi({ description: 'SHA-256 over the hash of the entry before and this entry' }),
  })
  .openapi('AuditEntry')
const Link = z.object({ seq: z.int(), hash: z.string() })
const Page = pageOf(Entry).extend({
  workspace: z.string(),
  head: Link.openapi({ description: 'What the chain ends with: remember it elsewhere' }),
  anchor: Link.openapi({ description: 'What precedes its first entry' }),
})
const time = z.iso.datetime({ offset: true }).optional()
const filter = {
  actor: z.string().max(200).optional(),
  action: z.string().max(200).optional(),
  resource: z.string().max(200).optional(),
  outcome: z.enum(['done', 'refused']).optional(),
  from: time,
  to: time.openapi({ description: 'Before this time' }),
  chain: z
    .enum(['workspace', 'installation'])
    .optional()
    .openapi({ description: 'The installation’s needs workspaces:admin' }),
}

const tags = ['audit']
const list = createRoute({
  tags,
  summary: 'Who did what, and who was refused what',
  method: 'get',
  path: '/v1/audit',
  request: {
    query: query({ ...filter, ...page, order: z.enum(['newest', 'oldest']).optional() }),
  },
  responses: { 200: json('Entries, newest first unless asked otherwise', Page), ...failures },
})
const exported = createRoute({
  tags,
  summary: 'All entries as a file, oldest first',
  method: 'get',
  path: '/v1/audit/export',
  request: { query: query({ ...filter, format: z.enum(['ndjson', 'csv']).optional() }) },
  responses: {
    200: {
      description: 'Entries up to the head that there was when it began',
      content: { 'application/x-ndjson': { schema: z.string() }, 'text/csv': { schema: z.string() } },
    },
    ...failures,
  },
})

type Filter = z.output<z.ZodObject<typeof filter>>

function filterOf({ actor = '', action = '', resource = '', outcome, from, to, chain }: Filter) {
  return {
    actor,
    action,
    resource,
    ...(outcome && { outcome: outcome === 'done' ? AuditEntry_Outcome.DONE : AuditEntry_Outcome.REFUSED }),
    ...(from !== undefined && { from: timestampFromDate(new Date(from)) }),
    ...(to !== undefined && { to: timestampFromDate(new Date(to)) }),
    installation: chain === 'installation',
  }
}

function entryShape({ seq, at, actor, action, resource, outcome, code, detail, requestId, hash }: AuditEntry) {
  return {
    seq: Number(seq),
    at: iso(at!),
    actor,
    action,
    resource,
    outcome: outcome === AuditEntry_Outcome.DONE ? ('done' as const) : ('refused' as const),
    code,
    detail: detail ?? {},
    request_id: requestId,
    hash,
  }
}

function linkShape(link: AuditLink | undefined): z.input<typeof Link> {
  return { seq: Number(link?.seq ?? 0), hash: link?.hash ?? '' }
}

type Row = ReturnType<typeof entryShape> & { readonly workspace: string }

const columns = [
  'workspace',
  'seq',
  'at',
  'actor',
  'action',
  'resource',
  'outcome',
  'code',
  'detail',
  'request_id',
  'hash',
] as const
const formats = {
  ndjson: { type: 'application/x-ndjson', head: '', line: (row: Row) => `${JSON.stringify(row)}\n` },
  csv: {
    type: 'text/csv; charset=utf-8',
    head: `${columns.join(',')}\r\n`,
    line: (row: Row) => `${columns.map((name) => csvField(row[name])).join(',')}\r\n`,
  },
}

/** RFC 4180. */
function csvField(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function audit(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const { order, limit, cursor, ...rest } = c.req.valid('query')
    const found = await core.audit.listAudit(
      { ...filterOf(rest), ...paging({ limit, cursor }), oldestFirst: order === 'oldest' },
      asCaller(callerOf(c)),
    )
    const { workspace, head, anchor } = found
    return c.json(
      {
        data: found.entries.map(entryShape),
        next_cursor: nextCursor(found.nextCursor),
        workspace,
        head: linkShape(head),
        anchor: linkShape(anchor),
      },
      200,
    )
  })
  app.openapi(exported, async (c) => {
    const { format = 'ndjson', ...rest } = c.req.valid('query')
    const { type, head, line } = formats[format]
    const caller = asCaller(callerOf(c))
    const read = (cursor: string) =>
      core.audit.listAudit({ ...filterOf(rest), oldestFirst: true, limit: 1_000, cursor }, caller)
    // Before the answer begins, so that a failure has its status.
    let next: ListAuditResponse | undefined = await read('')
    const last = next.head?.seq ?? 0n
    const encoder = new TextEncoder()
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encoder.encode(head)),
      // A page at a time, and only once the one before was taken.
      async pull(controller) {
        const found = next
        if (found === undefined) return controller.close()
        const rows = found.entries.filter(({ seq }) => seq <= last)
        const lines = rows.map((entry) => line({ workspace: found.workspace, ...entryShape(entry) }))
        const isOver = found.nextCursor === '' || rows.length < found.entries.length
        next = isOver ? undefined : await read(found.nextCursor)
        controller.enqueue(encoder.encode(lines.join('')))
      },
    })
    return c.body(body, 200, { 'content-type': type, 'cache-control': 'no-store' })
  })
}
