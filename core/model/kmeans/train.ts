import { shuffled } from '../evaluate/folds.ts'
import type { Dense } from '../features/dense.ts'
import type { DensePlan } from '../features/plan-dense.ts'
import { denseRows } from '../linear/dense-rows.ts'
import { best } from './best.ts'
import type { KmeansModel } from './model.ts'
import { nameSegments } from './name-segments.ts'
import { tryEach } from './try-each.ts'

export interface KmeansTraining {
  readonly dense: Dense
  /** What its columns are. */
  readonly plan: DensePlan
  /** The best by silhouette is taken. */
  readonly ks: readonly number[]
  readonly seed: number
  readonly onProgress?: ((done: number, of: number) => void) | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

/** Numbers of segments to choose from. */
export const numbersOfSegments: readonly number[] = [2, 3, 4, 5, 6, 7, 8, 9, 10]
const restarts = 5
/** k is chosen on so many rows, and judged by the distances between so many of them. */
const maxRowsToChoose = 5_000
const maxRowsToJudge = 1_000

/** k-means of the best of several starts, with as many segments as are the farthest apart. */
export function trainKmeans({ dense, plan, ks, seed, onProgress, signal }: KmeansTraining): KmeansModel {
  const columns = dense.names.length
  const check = (): void => signal?.throwIfAborted()
  const sample = denseRows(dense, shuffled(dense.rows, seed).subarray(0, maxRowsToChoose))
  const steps = (ks.length + 1) * restarts
  let done = 0
  const common = { columns, restarts, seed, check, onStep: () => onProgress?.(++done, steps) }
  const judged = Math.min(sample.rows, maxRowsToJudge)
  const tried = tryEach({ points: sample.values, judged, ks, ...common })
  const chosen = tried.reduce((one, other) => (other.silhouette > one.silhouette ? other : one))
  const { centers, segments } = best({ points: dense.values, k: chosen.k, ...common })
  const found = inOrder(centers, segments, columns)
  const named = nameSegments(found.centers, dense, plan.columns)
  return {
    names: dense.names,
    centers: found.centers,
    segments: found.sizes.map((rows, at) => ({ name: named[at]!, rows })),
    silhouette: chosen.silhouette,
    tried,
  }
}

/** The largest segment first, so that the same rows give the same numbers. */
function inOrder(centers: Float32Array, segments: Int32Array, columns: number) {
  const sizes = new Int32Array(centers.length / columns)
  for (const segment of segments) sizes[segment]!++
  const order = [...sizes.keys()].sort((a, b) => sizes[b]! - sizes[a]!)
  const ordered = new Float32Array(centers.length)
  for (const [to, from] of order.entries()) {
    ordered.set(centers.subarray(from * columns, (from + 1) * columns), to * columns)
  }
  return { centers: ordered, sizes: order.map((from) => sizes[from]!) }
}
