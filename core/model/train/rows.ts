import type { Feature } from '../feature.ts'

/** Rows to learn from. */
export interface Rows {
  readonly features: readonly Feature[]
  /** [rows]: numbers, or codes of the classes. */
  readonly target: Float64Array
  /** 0: a regression. */
  readonly classes: number
  /** How much a row counts, [rows]; 1 each where it is left out. */
  readonly weights?: Float64Array | undefined
}

/** The rows named, in that order. */
export function pickRows({ features, target, classes, weights }: Rows, rows: Int32Array): Rows {
  return {
    features: pickFeatures(features, rows),
    target: pick(target, rows),
    classes,
    weights: weights && pick(weights, rows),
  }
}

export function pickFeatures(features: readonly Feature[], rows: Int32Array): Feature[] {
  return features.map((feature) => ({ ...feature, values: Float32Array.from(rows, (row) => feature.values[row]!) }))
}

export function pick(values: Float64Array, rows: Int32Array): Float64Array {
  return Float64Array.from(rows, (row) => values[row]!)
}

/** That every class counts as much as any other (King & Zeng 2001), and the mean row as one. */
export function balancedWeights(target: Float64Array, classes: number): Float64Array {
  const counts = new Float64Array(classes)
  for (const code of target) counts[code]!++
  const present = counts.filter((count) => count > 0).length
  return target.map((code) => target.length / (present * counts[code]!))
}
