export interface Bound {
  readonly lower: number
  readonly upper: number
  /** Where the search begins. */
  readonly start: number
}

/**
 * The least of a function within a box, by the simplex of Nelder and Mead (1965), its points moved to the nearest one
 * within the bounds; at most so many evaluations. The same calls give the same answer.
 */
export function minimise(of: (point: readonly number[]) => number, bounds: readonly Bound[], calls: number): number[] {
  const within = (point: readonly number[]): number[] =>
    point.map((value, i) => Math.min(bounds[i]!.upper, Math.max(bounds[i]!.lower, value)))
  const at = (point: readonly number[]) => {
    const inside = within(point)
    const value = of(inside)
    return { point: inside, value: Number.isNaN(value) ? Infinity : value }
  }
  const start = bounds.map((bound) => bound.start)
  const simplex = [at(start)]
  for (const [i, { lower, upper }] of bounds.entries()) {
    const width = (upper - lower) * 0.25
    simplex.push(
      at(start.map((value, j) => (i === j ? (value + width > upper ? value - width : value + width) : value))),
    )
  }
  const dimensions = bounds.length
  if (dimensions === 0) return []
  for (let left = calls - simplex.length; left > 0; left -= 2) {
    simplex.sort((a, b) => a.value - b.value)
    const [best, worst] = [simplex[0]!, simplex[dimensions]!]
    if (worst.value - best.value <= 1e-7 * Math.abs(best.value)) break
    const centre = start.map((_, i) => simplex.slice(0, -1).reduce((sum, { point }) => sum + point[i]!, 0) / dimensions)
    const along = (factor: number) => at(centre.map((value, i) => value + factor * (worst.point[i]! - value)))
    const reflected = along(-1)
    if (reflected.value < best.value) {
      const expanded = along(-2)
      simplex[dimensions] = expanded.value < reflected.value ? expanded : reflected
    } else if (reflected.value < simplex[dimensions - 1]!.value) simplex[dimensions] = reflected
    else {
      const contracted = along(reflected.value < worst.value ? -0.5 : 0.5)
      if (contracted.value < worst.value) simplex[dimensions] = contracted
      else {
        left -= dimensions
        for (let i = 1; i <= dimensions; i++) {
          simplex[i] = at(simplex[i]!.point.map((value, j) => (value + best.point[j]!) / 2))
        }
      }
    }
  }
  return simplex.reduce((best, next) => (next.value < best.value ? next : best)).point
}
