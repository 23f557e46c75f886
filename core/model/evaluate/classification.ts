/** Keeps the loss of a row that was thought impossible finite. */
const leastProbability = 1e-15

/** Share of rows whose class was named. Both are codes, [rows]; NaN of no rows, as all of these. */
export function accuracy(actual: Float64Array, predicted: Float64Array): number {
  let right = 0
  for (let row = 0; row < actual.length; row++) if (actual[row] === predicted[row]) right++
  return right / actual.length
}

/** Mean over the classes that occur of the share of their rows that was named (Brodersen et al. 2010). Codes, [rows]. */
export function balancedAccuracy(actual: Float64Array, predicted: Float64Array): number {
  const recalls = countsOf(actual, predicted).filter(({ rows }) => rows > 0)
  return recalls.reduce((sum, { hits, rows }) => sum + hits / rows, 0) / recalls.length
}

/** Mean over the classes that occur or are named of the harmonic mean of precision and recall. Codes, [rows]. */
export function f1Macro(actual: Float64Array, predicted: Float64Array): number {
  const counts = countsOf(actual, predicted).filter(({ rows, named }) => rows + named > 0)
  return counts.reduce((sum, { hits, rows, named }) => sum + (2 * hits) / (rows + named), 0) / counts.length
}

/** Mean of −ln of what was given to the class that came true. `actual` codes [rows], `outputs` [rows × classes]. */
export function logLoss(actual: Float64Array, outputs: Float64Array, classes: number): number {
  let sum = 0
  for (let row = 0; row < actual.length; row++) {
    sum -= Math.log(Math.max(leastProbability, outputs[row * classes + actual[row]!]!))
  }
  return sum / actual.length
}

/**
 * Mean squared distance between probabilities and what came true (Brier 1950): over all classes, but of two classes over
 * the second alone, as is usual. `actual` codes [rows], `outputs` [rows × classes].
 */
export function brier(actual: Float64Array, outputs: Float64Array, classes: number): number {
  let sum = 0
  for (let row = 0; row < actual.length; row++) {
    for (let code = classes === 2 ? 1 : 0; code < classes; code++) {
      sum += (outputs[row * classes + code]! - (actual[row] === code ? 1 : 0)) ** 2
    }
  }
  return sum / actual.length
}

interface Counts {
  hits: number
  rows: number
  named: number
}

function countsOf(actual: Float64Array, predicted: Float64Array): Counts[] {
  const counts: Counts[] = []
  const of = (code: number): Counts => (counts[code] ??= { hits: 0, rows: 0, named: 0 })
  for (let row = 0; row < actual.length; row++) {
    of(actual[row]!).rows++
    of(predicted[row]!).named++
    if (actual[row] === predicted[row]) of(actual[row]!).hits++
  }
  return counts.filter((count) => count !== undefined)
}
