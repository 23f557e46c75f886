import type { Gram } from './gram.ts'
import { minimize } from './minimize.ts'
import type { Penalty } from './model.ts'
import { solve } from './solve.ts'

/** Ridge regression (Hoerl & Kennard 1970) by its normal equations, or the lasso (Tibshirani 1996). [columns], then the intercept. */
export function leastSquares(gram: Gram, penalty: Penalty, lambda: number, start?: Float64Array): Float64Array {
  const weights = penalty === 'l2' ? ridge(gram, lambda) : lasso(gram, lambda, start?.subarray(0, -1))
  const intercept = weights.reduce((left, weight, i) => left - weight * gram.means[i]!, gram.targetMean)
  return Float64Array.of(...weights, intercept)
}

/** From this on the lasso has no column left: the steepest slope at 0. */
export function lassoLimit({ withTarget }: Gram): number {
  return withTarget.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

function ridge({ products, withTarget }: Gram, lambda: number): Float64Array {
  const columns = withTarget.length
  const penalised = Float64Array.from(products)
  for (let i = 0; i < columns; i++) penalised[i * columns + i]! += lambda
  return solve(penalised, withTarget)
}

/** In units of the target in which slopes are about as large as there are rows: those in which `minimize` counts. */
function lasso(gram: Gram, lambda: number, start?: Float64Array): Float64Array {
  const { rows, products, withTarget } = gram
  const columns = withTarget.length
  const unit = lassoLimit(gram) / rows
  if (unit === 0) return new Float64Array(columns)
  const objective = (point: Float64Array, gradient: Float64Array): number => {
    let loss = 0
    for (let i = 0; i < columns; i++) {
      let sum = 0
      for (let j = 0; j < columns; j++) sum += products[i * columns + j]! * point[j]!
      const wanted = withTarget[i]! / unit
      gradient[i] = sum - wanted
      loss += point[i]! * (sum / 2 - wanted)
    }
    return loss
  }
  const l1 = new Float64Array(columns).fill(lambda / unit)
  const from = start === undefined ? new Float64Array(columns) : start.map((weight) => weight / unit)
  return minimize(objective, from, { l1, scale: rows, maxSteps: 500 }).map((weight) => weight * unit)
}
