import { clip } from './clip.ts'
import type { LinearModel } from './model.ts'

export interface Contributions {
  /** The score of the mean row of training. */
  readonly base: number
  /** [columns]; with `base` they sum to the score. */
  readonly contributions: Float64Array
}

/**
 * What each column of a row [columns] adds to the score of a class (of two classes to that of the second): weight × what
 * the value is above the mean. Of a linear model these are the Shapley values (Štrumbelj & Kononenko 2014).
 */
export function contributions(model: LinearModel, row: Float32Array, code = 0): Contributions {
  const { names, means, intercepts } = model
  const output = intercepts.length === 1 ? 0 : code
  const weights = model.weights.subarray(output * names.length, (output + 1) * names.length)
  return {
    base: weights.reduce((sum, weight, i) => sum + weight * means[i]!, intercepts[output]!),
    contributions: Float64Array.from(row, (value, i) => weights[i]! * (clip(value) - means[i]!)),
  }
}
