import type { Logger } from 'pino'
import { Failure } from '#mesh/errors.ts'
import type { Quota } from '../budgets.ts'
import type { Context } from '../context.ts'
import type { ControlDb } from '../storage/control.ts'
import type { Summary } from '../storage/warehouse.ts'
import { type Charge, charge, type ChargeDeps } from './charge.ts'
import type { Places } from './concurrency.ts'
import { queryFailure } from './errors.ts'
import { filterSettings, isFiltered } from './filters.ts'
import type { ResultFormat } from './formats.ts'
import type { Statement } from './gate/gate.ts'
import type { GateDeps } from './gate/parser.ts'
import { databaseOf } from './masks.ts'
import type { Bound } from './params.ts'
import { suggestStream } from './suggest-stream.ts'
import { querySettings, type ResultOptions } from './settings.ts'

/** A piece of a result: the head before the first row is known, then bytes, then the tail. */
export type Piece =
  | {
      readonly kind: 'head'
      readonly contentType: string
      /** In the engine's name of it. */
      readonly format: string
      readonly version: number
      /** What the caller's plan bounds, as it stood before this query. */
      readonly quotas: readonly Quota[]
      /** What was asked for has begun, and goes on. */
      readonly accepted?: boolean
      /** What answered, if a model did. */
      readonly model?: string
    }
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  | { readonly kind: 'tail'; readonly summary: Summary }

export interface ExecuteDeps extends ChargeDeps, GateDeps {
  readonly db: ControlDb
  readonly places: Places
  readonly log: Logger
}

export interface Execution {
  readonly statement: Statement
  readonly bound: Bound
  readonly format: ResultFormat
  readonly options: ResultOptions
  /** The published query, for the log. */
  readonly name?: string
  readonly version: number
  /** Of ours, beside those of every query. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** As the caller wrote it, for places in errors. */
  readonly sql: string
}

/** Runs a statement that the gate let through, with the rows that the actor may see, within the limits. */
export async function* execute(deps: ExecuteDeps, ctx: Context, execution: Execution): AsyncGenerator<Piece> {
  const { statement, bound, format, version } = execution
  checkTimezone(execution.options.timezone)
  const filters = filterSettings(ctx.actor, statement)
  const database = await databaseOf(deps.db, ctx, statement)
  const failed = {
    workspace: ctx.actor.workspace,
    sql: execution.sql,
    filtered: isFiltered(ctx.actor),
    signal: ctx.signal,
    tested: statement.reads.tested,
  }
  const release = await deps.places.take(ctx)
  const started = performance.now()
  let summary: Summary | undefined
  let charged: Charge | undefined
  try {
    const settings = {
      ...querySettings(deps.limits, ctx.deadline, execution.options),
      ...execution.settings,
      ...filters,
    }
    if (statement.explain === undefined) charged = await charge(deps, ctx, { ...bound, database, settings }, filters)
    const result = await deps.warehouse.stream({
      sql: `${statement.explain?.prefix ?? ''}${bound.sql}`,
      database,
      params: bound.params,
      format: format.engine,
      settings: { ...settings, ...charged?.bounds },
      deadline: ctx.deadline,
      signal: ctx.signal,
    })
    const { contentType, engine } = format
    yield { kind: 'head', contentType, format: engine, version, quotas: charged?.quotas ?? [] }
    for await (const bytes of result.body) yield { kind: 'body', bytes }
    summary = result.summary()
    yield {
      kind: 'tail',
      summary: failed.filtered ? { ...summary, rowsRead: undefined, bytesRead: undefined } : summary,
    }
  } catch (thrown) {
    throw charged?.refusal(thrown) ?? (await suggestStream(deps.warehouse, ctx, queryFailure(thrown, failed)))
  } finally {
    charged?.settle(summary)
    release()
    logSlow(deps, ctx, execution, performance.now() - started, summary)
  }
}

/** Never with values: they may be what the key is trusted with. */
function logSlow(
  deps: ExecuteDeps,
  ctx: Context,
  { name, version }: Execution,
  ms: number,
  summary: Summary | undefined,
): void {
  if (ms < deps.limits.slowMs) return
  deps.log.warn(
    {
      workspace: ctx.actor.workspace,
      request_id: ctx.requestId,
      query: name ?? 'sql',
      version,
      elapsed_ms: Math.round(ms),
      rows_read: summary?.rowsRead,
      bytes_read: summary?.bytesRead,
      rows: summary?.resultRows,
      complete: summary !== undefined,
    },
    'slow query',
  )
}

function checkTimezone(timezone: string): void {
  if (timezone === '') return
  try {
    if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(timezone)) throw new RangeError('not a name')
    Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch (thrown) {
    throw new Failure('request.invalid', `There is no time zone \`${timezone.slice(0, 64)}\`.`, {
      hint: 'Use a name of the IANA database, as Europe/Berlin.',
      errors: [{ pointer: 'timezone', reason: 'not a time zone' }],
      cause: thrown,
    })
  }
}
