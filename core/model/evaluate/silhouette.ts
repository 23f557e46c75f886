/**
 * How much nearer rows are to their own segment than to the next one, −1 to 1 (Rousseeuw 1987): the mean over rows of
 * (b − a) / max(a, b), 0 for a row alone in its segment. NaN with fewer than two segments. `distances` is [rows × rows].
 */
export function silhouette(distances: Float32Array, segments: Int32Array, k: number): number {
  const rows = segments.length
  const sizes = new Int32Array(k)
  for (const segment of segments) sizes[segment]!++
  if (sizes.filter((size) => size > 0).length < 2) return Number.NaN
  let sum = 0
  const to = new Float64Array(k)
  for (let row = 0; row < rows; row++) {
    to.fill(0)
    for (let other = 0; other < rows; other++) to[segments[other]!]! += distances[row * rows + other]!
    const own = segments[row]!
    if (sizes[own] === 1) continue
    const a = to[own]! / (sizes[own]! - 1)
    let b = Infinity
    for (let segment = 0; segment < k; segment++) {
      if (segment !== own && sizes[segment]! > 0) b = Math.min(b, to[segment]! / sizes[segment]!)
    }
    if (Math.max(a, b) > 0) sum += (b - a) / Math.max(a, b)
  }
  return sum / rows
}
