import type { Context } from '../context.ts'
import { execute, type ExecuteDeps } from './execute.ts'
import { filterSettings } from './filters.ts'
import { checkSql, type Statement } from './gate/gate.ts'
import { notAllowed } from './gate/refusals.ts'
import { databaseOf } from './masks.ts'
import { type Bound, bindParameters } from './params.ts'
import { authoriseSql } from './run-sql.ts'
import type { QueryColumn } from './schema.ts'
import { querySettings } from './settings.ts'
import { describeResult } from './describe-result.ts'

export interface ReadRowsInput {
  /** A SELECT in the caller's words. */
  readonly sql: string
  /** What of each row: expressions over its columns (`quoteOfRows`), of ours. */
  readonly select: string
  /** `RowBinary` or `Native`: how the engine writes them. */
  readonly format: 'RowBinary' | 'Native'
  /** Of more rows than this a sample is taken: those whose number, hashed with the seed, falls into the share. */
  readonly maxRows: number
  readonly seed: number
  /** What follows: a WHERE, an ORDER BY, a LIMIT, of ours. Only where no sample is taken. */
  readonly rest?: string
}

export interface ReadRows {
  /** How many rows the SELECT has; 0 where all of them are taken anyhow. */
  readonly total: number
  /** Less than 1 where they are a sample. */
  readonly share: number
  readonly body: AsyncIterable<Uint8Array>
}

const blockRows = 2_048

/** The columns of a SELECT in the caller's words, checked as every query is, and not run. */
export async function describeSql(deps: ExecuteDeps, ctx: Context, sql: string): Promise<readonly QueryColumn[]> {
  const statement = await checked(deps, ctx, sql)
  return describeResult(deps, ctx, sql, statement, [])
}

/** The rows of a SELECT that the caller may see, for another domain to do something with. */
export async function readRows(deps: ExecuteDeps, ctx: Context, input: ReadRowsInput): Promise<ReadRows> {
  const statement = await checked(deps, ctx, input.sql)
  const bound = bindParameters(statement, new Map(), {}, deps.limits)
  const total = input.maxRows === Infinity ? 0 : await count(deps, ctx, statement, bound)
  const share = Math.min(1, input.maxRows / Math.max(1, total))
  const isTaken = `cityHash64(rowNumberInAllBlocks(), ${input.seed}) / 18446744073709551615 < ${share}`
  const rest = share < 1 ? `WHERE ${isTaken}` : (input.rest ?? '')
  const sql = `SELECT ${input.select} FROM (${bound.sql}) AS _rows ${rest}`
  return { total, share, body: body(deps, ctx, input, statement, { ...bound, sql }) }
}

async function* body(
  deps: ExecuteDeps,
  ctx: Context,
  { sql, format }: ReadRowsInput,
  statement: Statement,
  bound: Bound,
): AsyncGenerator<Uint8Array> {
  const pieces = execute(deps, ctx, {
    statement,
    bound,
    format: { engine: format, contentType: '' },
    options: { timezone: '', int64AsString: false },
    // Whoever reads them holds a block at a time, and rows can be wide.
    settings: { max_block_size: blockRows },
    version: 0,
    sql,
  })
  for await (const piece of pieces) if (piece.kind === 'body') yield piece.bytes
}

async function count(deps: ExecuteDeps, ctx: Context, statement: Statement, bound: Bound): Promise<number> {
  const database = await databaseOf(deps.db, ctx, statement)
  const release = await deps.places.take(ctx)
  try {
    const [row] = await deps.warehouse.rows<{ readonly n: string }>({
      sql: `SELECT count() AS n FROM (${bound.sql})`,
      database,
      params: bound.params,
      settings: {
        ...querySettings(deps.limits, ctx.deadline, { timezone: '', int64AsString: false }),
        ...filterSettings(ctx.actor, statement),
      },
      deadline: ctx.deadline,
      signal: ctx.signal,
    })
    return Number(row?.n ?? 0)
  } finally {
    release()
  }
}

async function checked(deps: ExecuteDeps, ctx: Context, sql: string): Promise<Statement> {
  authoriseSql(ctx)
  const release = await deps.places.take(ctx)
  try {
    const statement = await checkSql(deps, ctx, sql)
    if (statement.explain !== undefined) throw notAllowed('An EXPLAIN has no rows to train from.')
    return statement
  } finally {
    release()
  }
}
