import { closest } from '#mesh/closest.ts'
import { Failure } from '#mesh/errors.ts'
import type { Column } from '../table.ts'
import { auc } from './auc.ts'
import { accuracy, balancedAccuracy, brier, f1Macro, logLoss } from './classification.ts'
import type { MetricName } from './metrics.ts'
import { mae, mape, r2, rmse } from './regression.ts'

interface Evaluated {
  readonly value: number
  readonly rows: number
  /** Rows of which one of the two is missing, which count for nothing. */
  readonly dropped: number
}

interface Measure {
  /** What the two columns hold: numbers; labels; or one of two labels and a score, or a probability, of the second. */
  readonly of: 'numbers' | 'labels' | 'scores' | 'chances'
  readonly measure: (actual: Float64Array, predicted: Float64Array) => number
}

const measures: Readonly<Record<MetricName, Measure>> = {
  rmse: { of: 'numbers', measure: rmse },
  mae: { of: 'numbers', measure: mae },
  r2: { of: 'numbers', measure: r2 },
  mape: { of: 'numbers', measure: mape },
  accuracy: { of: 'labels', measure: accuracy },
  balanced_accuracy: { of: 'labels', measure: balancedAccuracy },
  f1: { of: 'labels', measure: f1Macro },
  auc: { of: 'scores', measure: auc },
  log_loss: { of: 'chances', measure: (actual, chances) => logLoss(actual, both(chances), 2) },
  brier: { of: 'chances', measure: (actual, chances) => brier(actual, both(chances), 2) },
}

/**
 * A metric of what came true and what was said, as two columns. Labels are in the order of their code units, numbers by
 * size; the second of two is the one that a probability is of. NaN where the metric is not defined for the rows.
 * Errors: request.invalid.
 */
export function evaluate(metric: string, actual: Column, predicted: Column): Evaluated {
  const measure = measureOf(metric)
  const [came, said] = codedAs(measure, actual, predicted)
  const rows = Int32Array.from(came.keys()).filter((row) => !Number.isNaN(came[row]) && !Number.isNaN(said[row]))
  const known = (values: Float64Array): Float64Array => Float64Array.from(rows, (row) => values[row]!)
  if (measure.of === 'chances' && known(said).some((chance) => chance < 0 || chance > 1)) {
    throw refuse(predicted.name, `must be probabilities, from 0 to 1, for ${metric}`)
  }
  return { value: measure.measure(known(came), known(said)), rows: rows.length, dropped: came.length - rows.length }
}

function measureOf(metric: string): Measure {
  const name = Object.keys(measures).find((known) => known === metric.toLowerCase())
  if (name !== undefined) return measures[name as MetricName]
  const near = closest(metric, Object.keys(measures))
  const known = near === undefined ? `one of ${Object.keys(measures).join(', ')}` : `\`${near}\``
  throw refuse('metric', `\`${metric.slice(0, 80)}\` is no metric; ask for ${known}`)
}

/** What came and what was said, as the measure takes them. */
function codedAs({ of }: Measure, actual: Column, predicted: Column): readonly [Float64Array, Float64Array] {
  if (of === 'numbers') return [numbersOf(actual), numbersOf(predicted)]
  const code = codesOf(of === 'labels' ? [actual, predicted] : [actual])
  if (of === 'labels') return [code(actual), code(predicted)]
  const came = code(actual)
  if (came.some((one) => one > 1)) throw refuse(actual.name, 'has more than two values, and this metric is of two')
  return [came, numbersOf(predicted)]
}

function numbersOf(column: Column): Float64Array {
  if (column.kind === 'category') throw refuse(column.name, 'must be a number')
  return column.values
}

/** Codes that mean the same in all of the columns; NaN where it is missing. */
function codesOf(columns: readonly Column[]): (column: Column) => Float64Array {
  const seen = new Set(columns.flatMap(cellsOf))
  const labels = [...seen].filter((label) => label !== undefined)
  if (labels.every((label) => typeof label === 'number')) labels.sort((a, b) => a - b)
  else labels.sort((a, b) => (String(a) < String(b) ? -1 : 1))
  const codes = new Map<Cell, number>(labels.map((label, code) => [label, code]))
  return (column) => Float64Array.from(cellsOf(column).map((cell) => codes.get(cell) ?? Number.NaN))
}

type Cell = string | number | undefined

/** Undefined where it is missing. */
function cellsOf(column: Column): Cell[] {
  if (column.kind === 'category') return Array.from(column.codes, (code) => column.labels[code])
  return Array.from(column.values, (value) => (Number.isNaN(value) ? undefined : value))
}

/** Of the second class the chances, [rows]: of both, row-major [rows × 2]. */
function both(chances: Float64Array): Float64Array {
  return Float64Array.from({ length: chances.length * 2 }, (_, at) => {
    const chance = chances[at >> 1]!
    return at % 2 === 0 ? 1 - chance : chance
  })
}

function refuse(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `\`${pointer}\`: ${reason}.`, { errors: [{ pointer, reason }] })
}
