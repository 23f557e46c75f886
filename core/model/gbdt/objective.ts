import type { Objective } from './model.ts'

/** What trees are grown against, and how well they do. Raw scores are arrays of [rows], one a class or one. */
export interface Loss {
  readonly base: Float32Array
  /** What a gain is measured in: of numbers their variance, so that a target in other units has the same trees; else 1. */
  readonly unit: number
  /** Makes ready what the classes share, before a round. */
  begin(scores: readonly Float64Array[]): void
  /** First and second derivatives of the loss by one score. */
  derive(output: number, scores: readonly Float64Array[], gradients: Float64Array, hessians: Float64Array): void
  /** Weighted mean over rows: squared error, or log loss. */
  mean(scores: readonly Float64Array[], rows: Uint32Array): number
}

/** A hessian of 0 would have rows vanish from what is counted by it. */
const leastHessian = 1e-16

/** @param rows those that the base score may depend on */
export function lossOf(objective: Objective, target: Float64Array, weights: Float64Array, rows: Uint32Array): Loss {
  if (objective.kind === 'regression') return squaredError(target, weights, rows)
  if (objective.kind === 'binary') return logistic(target, weights, rows)
  return softmax(objective.classes, target, weights, rows)
}

function squaredError(target: Float64Array, weights: Float64Array, rows: Uint32Array): Loss {
  const mean = weightedMean(rows, weights, (row) => target[row]!)
  return {
    base: Float32Array.of(mean),
    // What is left of a constant target when its mean is a float32 is nothing to learn from either.
    unit: weightedMean(rows, weights, (row) => (target[row]! - mean) ** 2) + (mean * 2 ** -24) ** 2,
    begin() {},
    derive(_, scores, gradients, hessians) {
      const score = scores[0]!
      for (let row = 0; row < target.length; row++) {
        gradients[row] = weights[row]! * (score[row]! - target[row]!)
        hessians[row] = weights[row]!
      }
    },
    mean: (scores, rows) => weightedMean(rows, weights, (row) => (scores[0]![row]! - target[row]!) ** 2),
  }
}

function logistic(target: Float64Array, weights: Float64Array, rows: Uint32Array): Loss {
  const share = within(weightedMean(rows, weights, (row) => target[row]!))
  return {
    base: Float32Array.of(Math.log(share / (1 - share))),
    unit: 1,
    begin() {},
    derive(_, scores, gradients, hessians) {
      const score = scores[0]!
      for (let row = 0; row < target.length; row++) {
        const probability = 1 / (1 + Math.exp(-score[row]!))
        gradients[row] = weights[row]! * (probability - target[row]!)
        hessians[row] = weights[row]! * Math.max(probability * (1 - probability), leastHessian)
      }
    },
    mean: (scores, rows) =>
      weightedMean(rows, weights, (row) => {
        const raw = target[row] === 1 ? scores[0]![row]! : -scores[0]![row]!
        return raw > 0 ? Math.log1p(Math.exp(-raw)) : Math.log1p(Math.exp(raw)) - raw
      }),
  }
}

/** Friedman 2001, Algorithm 6: a tree a class and round; its factor makes up for one class being redundant. */
function softmax(classes: number, target: Float64Array, weights: Float64Array, rows: Uint32Array): Loss {
  const shares = Array.from({ length: classes }, (_, k) =>
    within(weightedMean(rows, weights, (row) => Number(target[row] === k))),
  )
  const factor = classes / (classes - 1)
  /** Of every row: the logarithm of the sum of its exponentials. */
  const totals = new Float64Array(target.length)
  const total = (scores: readonly Float64Array[], row: number): number => {
    let most = -Infinity
    for (let k = 0; k < classes; k++) most = Math.max(most, scores[k]![row]!)
    let sum = 0
    for (let k = 0; k < classes; k++) sum += Math.exp(scores[k]![row]! - most)
    return most + Math.log(sum)
  }
  return {
    base: Float32Array.from(shares, Math.log),
    unit: 1,
    begin(scores) {
      for (let row = 0; row < totals.length; row++) totals[row] = total(scores, row)
    },
    derive(k, scores, gradients, hessians) {
      const score = scores[k]!
      for (let row = 0; row < target.length; row++) {
        const probability = Math.exp(score[row]! - totals[row]!)
        gradients[row] = weights[row]! * (probability - Number(target[row] === k))
        hessians[row] = weights[row]! * Math.max(factor * probability * (1 - probability), leastHessian)
      }
    },
    mean: (scores, rows) => weightedMean(rows, weights, (row) => total(scores, row) - scores[target[row]!]![row]!),
  }
}

function weightedMean(rows: Uint32Array, weights: Float64Array, of: (row: number) => number): number {
  let [sum, weight] = [0, 0]
  for (const row of rows) {
    sum += weights[row]! * of(row)
    weight += weights[row]!
  }
  return weight === 0 ? 0 : sum / weight
}

/** A class that was never seen is unlikely, and not impossible. */
function within(share: number): number {
  return Math.min(Math.max(share, 1e-6), 1 - 1e-6)
}
