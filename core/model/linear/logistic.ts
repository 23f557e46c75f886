import type { Dense } from '../features/dense.ts'
import { minimize } from './minimize.ts'
import type { Penalty } from './model.ts'

export interface LogisticOptions {
  readonly dense: Dense
  /** [rows], codes. */
  readonly target: Float64Array
  readonly classes: number
  /** [rows]; 1 each by default. */
  readonly weights?: Float64Array | undefined
  readonly penalty: Penalty
  readonly lambda: number
  readonly start?: Float64Array | undefined
  /** As in `minimize`, of the mean over rows. */
  readonly tolerance?: number | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

const blockRows = 1_024

/**
 * Logistic regression, of two classes one score, of more one a class (softmax); intercepts are not penalised.
 * Row-major [outputs × (columns + 1)], the intercept last.
 */
export function logistic(options: LogisticOptions): Float64Array {
  const { dense, classes, penalty, lambda, tolerance = 1e-6 } = options
  const outputs = classes === 2 ? 1 : classes
  const width = dense.names.length + 1
  const isIntercept = (i: number): boolean => i % width === width - 1
  const loss = lossOf(options, outputs)
  const start = options.start ?? new Float64Array(outputs * width)
  const scale = Math.max(1, dense.rows)
  if (penalty === 'l1') {
    return minimize(loss, start, { l1: start.map((_, i) => (isIntercept(i) ? 0 : lambda)), scale, tolerance })
  }
  const ridged = (point: Float64Array, gradient: Float64Array): number => {
    let sum = loss(point, gradient)
    for (let i = 0; i < point.length; i++) {
      if (isIntercept(i)) continue
      sum += (lambda / 2) * point[i]! ** 2
      gradient[i]! += lambda * point[i]!
    }
    return sum
  }
  return minimize(ridged, start, { scale, tolerance })
}

/** From this on no column is left under L1: the steepest slope where only the intercepts speak. */
export function logisticLimit(options: Omit<LogisticOptions, 'penalty' | 'lambda' | 'start'>): number {
  const { dense, classes } = options
  const outputs = classes === 2 ? 1 : classes
  const width = dense.names.length + 1
  const alone = logistic({ ...options, penalty: 'l1', lambda: Number.MAX_VALUE })
  const gradient = new Float64Array(alone.length)
  lossOf(options, outputs)(alone, gradient)
  return gradient.reduce((most, slope, i) => (i % width === width - 1 ? most : Math.max(most, Math.abs(slope))), 0)
}

/** Σ over rows of −ln of what is given to the class that came. */
function lossOf({ dense, target, weights, signal }: Omit<LogisticOptions, 'penalty' | 'lambda'>, outputs: number) {
  const { rows, names, values } = dense
  const columns = names.length
  const scores = new Float64Array(outputs)
  return (point: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0)
    let sum = 0
    for (let row = 0; row < rows; row++) {
      if (row % blockRows === 0) signal?.throwIfAborted()
      const at = row * columns
      for (let output = 0; output < outputs; output++) {
        const from = output * (columns + 1)
        let score = point[from + columns]!
        for (let i = 0; i < columns; i++) score += point[from + i]! * values[at + i]!
        scores[output] = score
      }
      const weight = weights?.[row] ?? 1
      sum += weight * (outputs === 1 ? one(scores, target[row]!) : many(scores, target[row]!))
      for (let output = 0; output < outputs; output++) {
        const from = output * (columns + 1)
        const slope = weight * scores[output]!
        for (let i = 0; i < columns; i++) gradient[from + i]! += slope * values[at + i]!
        gradient[from + columns]! += slope
      }
    }
    return sum
  }
}

/** The loss; what it changes by with the score is left where the score was. */
function one(scores: Float64Array, code: number): number {
  const score = scores[0]!
  scores[0] = 1 / (1 + Math.exp(-score)) - code
  const wrong = code === 1 ? -score : score
  return Math.max(0, wrong) + Math.log1p(Math.exp(-Math.abs(wrong)))
}

function many(scores: Float64Array, code: number): number {
  const most = scores.reduce((one, other) => Math.max(one, other), -Infinity)
  const came = scores[code]! - most
  let total = 0
  for (let i = 0; i < scores.length; i++) total += scores[i] = Math.exp(scores[i]! - most)
  for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! / total - (i === code ? 1 : 0)
  return Math.log(total) - came
}
