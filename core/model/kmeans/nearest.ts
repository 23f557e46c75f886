/** Squared distance of row `row` of `points` to row `center` of `centers`, both row-major [… × columns]. */
export function squared(
  points: Float32Array,
  row: number,
  centers: Float32Array,
  center: number,
  columns: number,
): number {
  let sum = 0
  for (let i = 0, a = row * columns, b = center * columns; i < columns; i++, a++, b++) {
    sum += (points[a]! - centers[b]!) ** 2
  }
  return sum
}

export interface Nearest {
  /** [rows]. */
  readonly segments: Int32Array
  /** [rows], squared. */
  readonly distances: Float64Array
}

const blockRows = 4_096

/** The nearest centre of each row, the first of equals. */
export function nearest(points: Float32Array, centers: Float32Array, columns: number, check = () => {}): Nearest {
  const rows = points.length / columns
  const k = centers.length / columns
  const segments = new Int32Array(rows)
  const distances = new Float64Array(rows).fill(Infinity)
  for (let row = 0; row < rows; row++) {
    if (row % blockRows === 0) check()
    for (let segment = 0; segment < k; segment++) {
      const distance = squared(points, row, centers, segment, columns)
      if (distance >= distances[row]!) continue
      distances[row] = distance
      segments[row] = segment
    }
  }
  return { segments, distances }
}
