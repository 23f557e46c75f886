import { silhouette } from '../evaluate/silhouette.ts'
import { best } from './best.ts'
import { nearest, squared } from './nearest.ts'

export interface Trials {
  /** Row-major [rows × columns]. */
  readonly points: Float32Array
  readonly columns: number
  /** Of the points the first so many are judged, by the distances between them. */
  readonly judged: number
  readonly ks: readonly number[]
  readonly restarts: number
  readonly seed: number
  readonly check: () => void
  readonly onStep?: () => void
}

export interface Trial {
  readonly k: number
  readonly silhouette: number
}

/** How well segments are apart, by how many they are: −1 where there are no two. */
export function tryEach({ points, columns, judged, ks, restarts, seed, check, onStep }: Trials): Trial[] {
  const asked = points.subarray(0, judged * columns)
  const distances = distancesOf(asked, columns, check)
  return ks.map((k) => {
    const { centers } = best({ points, columns, k, restarts, seed, check, onStep })
    const apart = silhouette(distances, nearest(asked, centers, columns).segments, k)
    return { k, silhouette: Number.isNaN(apart) ? -1 : apart }
  })
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
