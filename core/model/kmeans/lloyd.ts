import { nearest, type Nearest } from './nearest.ts'

export interface Partition extends Nearest {
  /** Row-major [k × columns]. */
  readonly centers: Float32Array
  /** Σ of the squared distances. */
  readonly inertia: number
}

const maxSteps = 100

/** Moves every centre to the mean of its rows until no row changes its segment (Lloyd 1982). */
export function lloyd(points: Float32Array, columns: number, start: Float32Array, check = () => {}): Partition {
  let centers = start
  let found = nearest(points, centers, columns, check)
  for (let step = 0; step < maxSteps; step++) {
    centers = meansOf(points, columns, found, centers.length / columns)
    const next = nearest(points, centers, columns, check)
    const isSame = next.segments.every((segment, row) => segment === found.segments[row])
    found = next
    if (isSame) break
  }
  return { ...found, centers, inertia: found.distances.reduce((sum, distance) => sum + distance, 0) }
}

/** A segment that has lost its rows begins anew at the row that is the farthest from its centre. */
function meansOf(points: Float32Array, columns: number, { segments, distances }: Nearest, k: number): Float32Array {
  const sums = new Float64Array(k * columns)
  const sizes = new Int32Array(k)
  for (let row = 0; row < segments.length; row++) {
    const segment = segments[row]!
    sizes[segment]!++
    for (let i = 0; i < columns; i++) sums[segment * columns + i]! += points[row * columns + i]!
  }
  const byDistance = sizes.includes(0) ? [...distances.keys()].sort((a, b) => distances[b]! - distances[a]!) : []
  const means = new Float32Array(k * columns)
  for (let segment = 0; segment < k; segment++) {
    const own = sums.subarray(segment * columns, (segment + 1) * columns)
    const row = sizes[segment] === 0 ? byDistance.shift()! * columns : undefined
    means.set(
      row === undefined ? own.map((sum) => sum / sizes[segment]!) : points.subarray(row, row + columns),
      segment * columns,
    )
  }
  return means
}
