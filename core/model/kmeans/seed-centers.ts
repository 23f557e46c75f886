import { squared } from './nearest.ts'

/**
 * k rows to begin with, each drawn by its squared distance to those drawn before (k-means++, Arthur & Vassilvitskii
 * 2007). Row-major [k × columns]; fewer where there are fewer different rows.
 */
export function seedCenters(points: Float32Array, columns: number, k: number, random: () => number): Float32Array {
  const rows = points.length / columns
  const centers = new Float32Array(k * columns)
  const distances = new Float64Array(rows).fill(Infinity)
  let row = Math.floor(random() * rows)
  for (let segment = 0; segment < k; segment++) {
    centers.set(points.subarray(row * columns, (row + 1) * columns), segment * columns)
    let total = 0
    for (let other = 0; other < rows; other++) {
      distances[other] = Math.min(distances[other]!, squared(points, other, centers, segment, columns))
      total += distances[other]!
    }
    if (total === 0) return centers.slice(0, (segment + 1) * columns)
    let left = random() * total
    row = distances.findIndex((distance) => distance > 0 && (left -= distance) <= 0)
    // Rounding may leave a little: the last row that is not a centre yet.
    if (row < 0) row = distances.findLastIndex((distance) => distance > 0)
  }
  return centers
}
