import { logLoss } from '../evaluate/classification.ts'
import { allBut, folds, shuffled } from '../evaluate/folds.ts'
import { rmse } from '../evaluate/regression.ts'
import type { Dense } from '../features/dense.ts'
import { denseRows } from './dense-rows.ts'
import { gramOf } from './gram.ts'
import { lassoLimit, leastSquares } from './least-squares.ts'
import { logistic, logisticLimit } from './logistic.ts'
import type { LinearModel, Penalty } from './model.ts'
import { linearOutputs } from './outputs.ts'

export interface LinearTraining {
  readonly dense: Dense
  /** [rows]: numbers, or codes of the classes. */
  readonly target: Float64Array
  /** 0: a regression. */
  readonly classes: number
  /** How much a row counts, [rows]; 1 each by default. */
  readonly rowWeights?: Float64Array | undefined
  readonly penalty?: Penalty
  /** As in `LinearModel`; chosen by cross-validation where it is left out. */
  readonly lambda?: number | undefined
  readonly seed: number
  readonly onProgress?: ((done: number, of: number) => void) | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

/** The strongest first: each begins where the one before ended (Friedman, Hastie & Tibshirani 2010). */
const grids: Readonly<Record<Penalty, readonly number[]>> = {
  l2: [1_000, 300, 100, 30, 10, 3, 1, 0.1, 0.01],
  l1: [0.3, 0.1, 0.03, 0.01, 0.003, 0.001],
}
const foldCount = 5
/** Between strengths the differences are far greater. */
const toleranceToChoose = 1e-4
/** More rows make the choice no better: it is between steps of a factor of three. */
const maxRowsToChoose = 10_000

/** Ridge or lasso regression, or logistic regression with either penalty, of which the strength is chosen by cross-validation. */
export function trainLinear(training: LinearTraining): LinearModel {
  const { lambda = choose(training), onProgress } = training
  const model = modelOf(training, lambda, fitterOf(training).fit(lambda))
  onProgress?.(1, 1)
  return model
}

/** A model of each strength that there is to choose from, the strongest first, or of the given one alone. */
export function trainPath(training: LinearTraining): LinearModel[] {
  const { penalty = 'l2', lambda: given } = training
  const fitter = fitterOf(training, toleranceToChoose)
  let start: Float64Array | undefined
  return (given === undefined ? grids[penalty] : [given]).map((lambda) => {
    start = fitter.fit(lambda, start)
    return modelOf(training, lambda, start)
  })
}

/** The strength with the best mean loss over the folds. */
function choose(training: LinearTraining): number {
  const { dense, classes, seed, penalty = 'l2', onProgress } = training
  const grid = grids[penalty]
  const rows = shuffled(dense.rows, seed).subarray(0, maxRowsToChoose).sort()
  const from = rowsOf(training, rows)
  const parts = folds(from.target, foldCount, { seed, stratified: classes > 0 })
  const losses = new Float64Array(grid.length)
  for (const [out, held] of parts.entries()) {
    const asked = rowsOf(from, held)
    for (const [at, model] of trainPath(rowsOf(from, allBut(parts, out))).entries()) {
      losses[at]! += lossOf(asked.target, linearOutputs(model, asked.dense), classes)
    }
    onProgress?.(out + 1, parts.length + 1)
  }
  return grid[losses.indexOf(Math.min(...losses))] ?? grid[0]!
}

/** What the strength is chosen by. */
export function lossOf(actual: Float64Array, outputs: Float64Array, classes: number): number {
  return classes === 0 ? rmse(actual, outputs) : logLoss(actual, outputs, classes)
}

interface Fitter {
  fit(lambda: number, start?: Float64Array): Float64Array
}

function fitterOf(
  { dense, target, classes, rowWeights: weights, penalty = 'l2', signal }: LinearTraining,
  tolerance?: number,
): Fitter {
  if (classes > 0) {
    const options = { dense, target, classes, weights, tolerance, signal }
    const unit = penalty === 'l1' ? logisticLimit(options) : 1
    return { fit: (lambda, start) => logistic({ ...options, penalty, lambda: lambda * unit, start }) }
  }
  const gram = gramOf({ dense, target, weights, signal })
  const unit = penalty === 'l1' ? lassoLimit(gram) : 1
  return { fit: (lambda, start) => leastSquares(gram, penalty, lambda * unit, start) }
}

function rowsOf(training: LinearTraining, rows: Int32Array): LinearTraining {
  const { dense, target, rowWeights } = training
  return {
    ...training,
    dense: denseRows(dense, rows),
    target: Float64Array.from(rows, (row) => target[row]!),
    rowWeights: rowWeights && Float64Array.from(rows, (row) => rowWeights[row]!),
  }
}

/** Out of [outputs × (columns + 1)], the intercept last. */
function modelOf(training: LinearTraining, lambda: number, point: Float64Array): LinearModel {
  const { classes, penalty = 'l2', dense } = training
  const columns = dense.names.length
  const outputs = point.length / (columns + 1)
  const weights = new Float32Array(outputs * columns)
  const intercepts = new Float32Array(outputs)
  for (let output = 0; output < outputs; output++) {
    const from = output * (columns + 1)
    weights.set(point.subarray(from, from + columns), output * columns)
    intercepts[output] = point[from + columns]!
  }
  return { classes, penalty, lambda, names: dense.names, means: meansOf(dense), weights, intercepts }
}

function meansOf({ rows, names, values }: Dense): Float32Array {
  const sums = new Float64Array(names.length)
  for (let at = 0; at < values.length; at++) sums[at % names.length]! += values[at]!
  return Float32Array.from(sums, (sum) => sum / rows)
}
