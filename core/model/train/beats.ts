import { auc } from '../evaluate/auc.ts'
import { ofClass, type Scored } from '../evaluate/scored.ts'

/** One-sided, at 5 %. */
const z = 1.645

/**
 * Whether a model is better than its naive baseline beyond chance. Of two classes: the AUC is above ½ by its standard
 * error (Hanley & McNeil 1982), whatever the weights of the classes have done to probabilities. Else: the mean loss of a
 * row is below the baseline's, by the standard error of the differences (Diebold & Mariano 1995).
 */
export function beats(model: Scored, baseline: Scored): boolean {
  const { actual, outputs, classes } = model
  if (classes === 2) return auc(actual, ofClass(outputs, 2, 1)) - z * aucError(actual) > 0.5
  const better = losses(baseline).map((loss, row) => loss - lossOf(model, row))
  const mean = better.reduce((sum, value) => sum + value, 0) / better.length
  const squares = better.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return mean - z * Math.sqrt(squares / (better.length - 1) / better.length) > 0
}

/** The standard error of the AUC of a model that knows nothing. */
function aucError(actual: Float64Array): number {
  const ones = actual.reduce((sum, code) => sum + code, 0)
  const zeros = actual.length - ones
  return Math.sqrt((ones + zeros + 1) / (12 * ones * zeros))
}

function losses(scored: Scored): Float64Array {
  return scored.actual.map((_, row) => lossOf(scored, row))
}

function lossOf({ actual, outputs, classes }: Scored, row: number): number {
  if (classes === 0) return (actual[row]! - outputs[row]!) ** 2
  return -Math.log(Math.max(1e-15, outputs[row * classes + actual[row]!]!))
}
