import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { endsOf } from './ends.ts'
import type { QuarantinedRow } from './quarantine.ts'

const columns = `id, stream, formatDateTime(time, '%Y-%m-%dT%H:%i:%S', 'UTC') || '.' ||
  leftPad(toString(toUnixTimestamp64Milli(time) % 1000), 3, '0') || 'Z' AS time, column, reason, text`

/** Waits until the table shows every refused row that is durable: what was just refused is in the next list. */
export async function settle({ log, stream, streams }: Deps, ctx: Context): Promise<void> {
  const { topic } = await streams.system(ctx.actor.workspace, '_quarantine')
  await stream.waitUntilQueryable(await endsOf(log, topic), withDeadline(ctx))
}

export function withDeadline(ctx: Context): Context {
  const left = Math.max(0, Math.min(ctx.deadline - Date.now(), 2 ** 31 - 1))
  return { ...ctx, signal: AbortSignal.any([ctx.signal, AbortSignal.timeout(left)]) }
}

/** Rows that wait, oldest first, after a place. */
export async function waitingAfter(
  { warehouse }: Deps,
  ctx: Context,
  stream: string,
  page: { readonly time: string; readonly id: string; readonly limit: number },
): Promise<QuarantinedRow[]> {
  return warehouse.rows<QuarantinedRow>({
    sql: `SELECT ${columns} FROM _quarantine AS q
      WHERE q.stream = {stream:String} AND q.state = 'waiting'
        AND (q.time, q.id) > (fromUnixTimestamp64Milli({after:Int64}), {id:String})
      ORDER BY q.time, q.id LIMIT {limit:UInt32}`,
    database: ctx.actor.workspace,
    params: {
      stream,
      after: String(page.time === '' ? 0 : Date.parse(page.time)),
      id: page.id,
      limit: String(page.limit),
    },
    settings: { final: 1 },
    deadline: ctx.deadline,
    signal: ctx.signal,
  })
}

/** Those of the named rows that wait. */
export async function waitingByIds(
  { warehouse }: Deps,
  ctx: Context,
  stream: string,
  ids: readonly string[],
): Promise<Map<string, QuarantinedRow>> {
  if (ids.length === 0) return new Map()
  const list = ids.map((id) => `'${id.replaceAll(/['\\]/g, '\\$&')}'`).join(',')
  const rows = await warehouse.rows<QuarantinedRow>({
    sql: `SELECT ${columns} FROM _quarantine AS q
      WHERE q.stream = {stream:String} AND q.state = 'waiting' AND has({ids:Array(String)}, q.id)`,
    database: ctx.actor.workspace,
    params: { stream, ids: `[${list}]` },
    settings: { final: 1 },
    deadline: ctx.deadline,
    signal: ctx.signal,
  })
  return new Map(rows.map((row) => [row.id, row]))
}
