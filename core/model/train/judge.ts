import { naive, naiveWords, repeated } from '../evaluate/baseline.ts'
import { calibration } from '../evaluate/calibration.ts'
import { shuffled } from '../evaluate/folds.ts'
import { importance } from '../evaluate/importance.ts'
import { measureAll, type MetricName } from '../evaluate/metrics.ts'
import type { Scored } from '../evaluate/scored.ts'
import { slices } from '../evaluate/slices.ts'
import { encode } from '../features/encode.ts'
import type { FeaturePlan } from '../features/plan.ts'
import { takeRows } from '../features/take-rows.ts'
import type { Table } from '../table.ts'
import { beats } from './beats.ts'
import type { Holdout } from './card.ts'
import { type Fitted, type FitOptions, outputsOf } from './fit.ts'
import { pick } from './rows.ts'

interface JudgeOptions extends FitOptions {
  readonly plan: FeaturePlan
  readonly fitted: Fitted
  /** What it was trained from, [rows]. */
  readonly learned: Float64Array
  /** Rows that it has not seen, and what is true of them. */
  readonly table: Table
  readonly actual: Float64Array
  /** Empty: a regression. */
  readonly labels: readonly string[]
  readonly metric: MetricName
}

const maxRowsForImportance = 2_000

/** Asks a model about rows that it has not seen, beside somebody who looks at no row. */
export function judge(options: JudgeOptions): Omit<Holdout, 'split'> & { readonly beatsBaseline: boolean } {
  const { plan, fitted, learned, table, actual, labels, metric, seed, onProgress, signal } = options
  const classes = labels.length
  const predict = (rows: Table): Float64Array => outputsOf(fitted, encode(plan, rows))
  const scored: Scored = { actual, outputs: predict(table), classes }
  const guess = naive(learned, classes)
  const baseline: Scored = { actual, outputs: repeated(guess, table.rows), classes }

  const names = new Set(plan.inputs.map(({ name }) => name))
  const used = { ...table, columns: table.columns.filter(({ name }) => names.has(name)) }
  const some = shuffled(table.rows, seed).subarray(0, maxRowsForImportance)
  const asked = { table: takeRows(used, some), actual: pick(actual, some), classes, metric, predict }
  return {
    rows: table.rows,
    metrics: measureAll(scored),
    baseline: { says: naiveWords(guess, labels), metrics: measureAll(baseline) },
    ...(classes > 0 && { calibration: calibration(scored) }),
    slices: slices(scored, used.columns, metric),
    importance: importance({ ...asked, seed, onProgress, signal }),
    beatsBaseline: beats(scored, baseline),
  }
}
