import { silhouette } from '../evaluate/silhouette.ts'
import { shuffled } from '../evaluate/folds.ts'
import type { Dense } from '../features/dense.ts'
import type { DensePlan } from '../features/plan-dense.ts'
import { denseRows } from '../linear/dense-rows.ts'
import { createRandom } from '../random.ts'
import { lloyd, type Partition } from './lloyd.ts'
import type { KmeansModel } from './model.ts'
import { nameSegments } from './name-segments.ts'
import { nearest, squared } from './nearest.ts'
import { seedCenters } from './seed-centers.ts'

export interface KmeansTraining {
  readonly dense: Dense
  /** What its columns are. */
  readonly plan: DensePlan
  /** Chosen by silhouette, 2 to 10, where it is left out. */
  readonly k?: number | undefined
  readonly seed: number
  readonly onProgress?: ((done: number, of: number) => void) | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

const mostSegments = 10
const restarts = 5
/** k is chosen on so many rows, and judged by the distances between so many of them. */
const maxRowsToChoose = 5_000
const maxRowsToJudge = 1_000

/** k-means of the best of several starts, with as many segments as are the farthest apart. */
export function trainKmeans({ dense, plan, k, seed, onProgress, signal }: KmeansTraining): KmeansModel {
  const columns = dense.names.length
  const check = (): void => signal?.throwIfAborted()
  const sample = denseRows(dense, shuffled(dense.rows, seed).subarray(0, maxRowsToChoose))
  const judged = sample.values.subarray(0, Math.min(sample.rows, maxRowsToJudge) * columns)
  const distances = distancesOf(judged, columns, check)
  const ks = k === undefined ? Array.from({ length: mostSegments - 1 }, (_, at) => at + 2) : [k]

  const steps = (ks.length + 1) * restarts
  let done = 0
  const onStep = (): void => onProgress?.(++done, steps)
  const tried = ks.map((count) => {
    const { centers } = best({ points: sample.values, columns, k: count, seed, check, onStep })
    const { segments } = nearest(judged, centers, columns)
    const apart = silhouette(distances, segments, count)
    return { k: count, silhouette: Number.isNaN(apart) ? -1 : apart }
  })
  const chosen = tried.reduce((one, other) => (other.silhouette > one.silhouette ? other : one))
  const { centers, segments } = best({ points: dense.values, columns, k: chosen.k, seed, check, onStep })
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

interface BestOptions {
  readonly points: Float32Array
  readonly columns: number
  readonly k: number
  readonly seed: number
  readonly check: () => void
  readonly onStep: () => void
}

/** Of several starts the partition whose rows are the nearest to their centres. */
function best({ points, columns, k, seed, check, onStep }: BestOptions): Partition {
  const random = createRandom(seed)
  const found = Array.from({ length: restarts }, () => {
    const partition = lloyd(points, columns, seedCenters(points, columns, k, random), check)
    onStep()
    return partition
  })
  return found.reduce((one, other) => (other.inertia < one.inertia ? other : one))
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

/** [rows × rows]. */
function distancesOf(points: Float32Array, columns: number, check: () => void): Float32Array {
  const rows = points.length / columns
  const distances = new Float32Array(rows * rows)
  for (let row = 0; row < rows; row++) {
    if (row % 64 === 0) check()
    for (let other = 0; other < row; other++) {
      const distance = Math.sqrt(squared(points, row, points, other, columns))
      distances[row * rows + other] = distance
      distances[other * rows + row] = distance
    }
  }
  return distances
}
