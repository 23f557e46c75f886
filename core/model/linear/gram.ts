import type { Dense } from '../features/dense.ts'

/** Sums over rows from which a linear regression follows, about the means. */
export interface Gram {
  readonly rows: number
  /** [columns]. */
  readonly means: Float64Array
  readonly targetMean: number
  /** Σ (x − mean)(x − mean)ᵀ, row-major [columns × columns]. */
  readonly products: Float64Array
  /** Σ (x − mean)(y − mean), [columns]. */
  readonly withTarget: Float64Array
}

interface GramOptions {
  readonly dense: Dense
  readonly target: Float64Array
  /** [rows]; 1 each by default. */
  readonly weights?: Float64Array | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

const blockRows = 1_024

export function gramOf({ dense: { rows, names, values }, target, weights, signal }: GramOptions): Gram {
  const columns = names.length
  const means = new Float64Array(columns)
  let total = 0
  let targetMean = 0
  for (let row = 0; row < rows; row++) {
    const weight = weights?.[row] ?? 1
    total += weight
    targetMean += weight * target[row]!
    for (let i = 0; i < columns; i++) means[i]! += weight * values[row * columns + i]!
  }
  targetMean /= total
  for (let i = 0; i < columns; i++) means[i]! /= total

  const products = new Float64Array(columns * columns)
  const withTarget = new Float64Array(columns)
  const x = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    if (row % blockRows === 0) signal?.throwIfAborted()
    const weight = weights?.[row] ?? 1
    for (let i = 0; i < columns; i++) x[i] = values[row * columns + i]! - means[i]!
    for (let i = 0; i < columns; i++) {
      const scaled = weight * x[i]!
      withTarget[i]! += scaled * (target[row]! - targetMean)
      for (let j = 0; j <= i; j++) products[i * columns + j]! += scaled * x[j]!
    }
  }
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < i; j++) products[j * columns + i] = products[i * columns + j]!
  }
  return { rows, means, targetMean, products, withTarget }
}
