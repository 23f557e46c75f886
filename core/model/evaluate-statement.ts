import { Failure } from '#mesh/errors.ts'
import { authorise, type Context } from '../context.ts'
import { type Answer, answerOf } from './answer.ts'
import type { ModelDeps } from './deps.ts'
import { evaluate } from './evaluate/evaluate.ts'
import { readingOf } from './features/reading.ts'
import { tableFrom } from './features/table-from.ts'
import type { Evaluate } from './statements/statement.ts'

/** EVALUATE metric FROM (SELECT actual, prediction …): two columns, in this order. */
export async function evaluateStatement(
  { reading, limits }: Pick<ModelDeps, 'reading' | 'limits'>,
  ctx: Context,
  { metric, from }: Evaluate,
): Promise<Answer> {
  authorise(ctx, 'models:read')
  const how = readingOf(await reading.describeSql(ctx, from.sql))
  if (how.columns.length !== 2 || how.notes.length > 0) throw notTwo(how.columns.length + how.notes.length)
  const { select } = how
  const rows = await reading.readRows(ctx, { sql: from.sql, select, format: 'RowBinary', maxRows: Infinity, seed: 0 })
  const bounds = { maxRows: limits.maxEvaluatedRows, maxBytes: limits.maxEvaluatedBytes }
  const { columns } = await tableFrom(how, rows.body, bounds)
  const found = evaluate(metric, columns[0]!, columns[1]!)
  return answerOf({ metric: 'String', value: 'Nullable(Float64)', rows: 'UInt64', dropped: 'UInt64' }, [
    { metric, ...found, value: Number.isFinite(found.value) ? found.value : null },
  ])
}

function notTwo(count: number): Failure {
  return new Failure('request.invalid', `EVALUATE compares two columns, and the SELECT has ${count}.`, {
    hint: 'Select what came true, then what was predicted: EVALUATE auc FROM (SELECT churned, score FROM …).',
  })
}
