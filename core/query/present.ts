import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Warehouse } from '../storage/warehouse.ts'
import type { Piece } from './execute.ts'
import type { ResultFormat } from './formats.ts'
import type { QueryLimits } from './limits.ts'
import type { QueryColumn } from './schema.ts'
import { querySettings, type ResultOptions } from './settings.ts'
import { quoteName, quoteText } from '../storage/quote.ts'

export interface Rows {
  readonly columns: readonly QueryColumn[]
  /** Each a JSON object. */
  readonly rows: readonly string[]
  /** What was asked for has begun, and goes on. */
  readonly accepted: boolean
  /** What answered, if a model did. */
  readonly model: string
}

/** Rows that were not read by SQL, in the format that a result of SQL would have: the engine writes them. */
export async function* present(
  { warehouse, limits }: { readonly warehouse: Warehouse; readonly limits: QueryLimits },
  ctx: Context,
  { columns, rows, accepted, model }: Rows,
  format: ResultFormat,
  options: ResultOptions,
): AsyncGenerator<Piece> {
  // The engine takes no empty text for rows: one that is left out again.
  const text = rows.length === 0 ? '{}' : rows.join('\n')
  if (Buffer.byteLength(text) > limits.maxSqlBytes * 4) {
    throw new Failure('query.result_too_large', 'The answer is larger than it may be.')
  }
  const structure = columns.map(({ name, type }) => `${quoteName(name)} ${type}`).join(', ')
  const result = await warehouse.stream({
    sql: `SELECT * FROM format(JSONEachRow, ${quoteText(structure)}, ${quoteText(text)})${rows.length === 0 ? ' WHERE 0' : ''}`,
    database: ctx.actor.workspace,
    params: {},
    format: format.engine,
    settings: {
      ...querySettings(limits, ctx.deadline, options),
      // The engine lets nobody who only reads ask for this; the text is ours, and the rows are in it as literals.
      readonly: 0,
      // Times as ISO 8601 go in as they come out.
      date_time_input_format: 'best_effort',
    },
    deadline: ctx.deadline,
    signal: ctx.signal,
  })
  const { contentType, engine } = format
  yield { kind: 'head', contentType, format: engine, version: 0, quotas: [], accepted, model }
  for await (const bytes of result.body) yield { kind: 'body', bytes }
  yield { kind: 'tail', summary: result.summary() }
}
