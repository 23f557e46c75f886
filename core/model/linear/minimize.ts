/** The loss at a point; writes its gradient. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number

export interface MinimizeOptions {
  /** Weight of |x| for each coordinate: what keeps useless ones at exactly 0. None by default. */
  readonly l1?: Float64Array | undefined
  readonly maxSteps?: number
  /** Ends where no coordinate's slope is steeper than this share of `scale`. */
  readonly tolerance?: number
  /** How large slopes are: of a sum over rows, their number. */
  readonly scale?: number
}

interface Step {
  readonly moved: Float64Array
  readonly turned: Float64Array
  readonly rho: number
}

const memory = 10
const maxHalvings = 40

/**
 * The lowest point of a smooth convex function by limited-memory BFGS (Liu & Nocedal 1989), and with `l1` of that plus a
 * weighted sum of absolute values by its orthant-wise form (Andrew & Gao 2007).
 */
export function minimize(objective: Objective, start: Float64Array, options: MinimizeOptions = {}): Float64Array {
  const { l1, maxSteps = 200, tolerance = 1e-6, scale = 1 } = options
  let point = Float64Array.from(start)
  let gradient = new Float64Array(start.length)
  let loss = objective(point, gradient) + absolute(point, l1)
  const steps: Step[] = []
  for (let step = 0; step < maxSteps; step++) {
    const slope = steepest(point, gradient, l1)
    if (slope.every((value) => Math.abs(value) <= tolerance * scale)) break
    const direction = directionOf(slope, steps)
    // Where the two disagree in sign the approximation is not to be trusted.
    if (l1 !== undefined) for (const [i, d] of direction.entries()) if (d * slope[i]! >= 0) direction[i] = 0
    const found = search({ objective, point, direction, slope, loss, l1, isFirst: steps.length === 0 })
    if (found === undefined) {
      if (steps.length === 0) break
      steps.length = 0
      continue
    }
    const moved = found.point.map((value, i) => value - point[i]!)
    const turned = found.gradient.map((value, i) => value - gradient[i]!)
    const curvature = dot(moved, turned)
    if (curvature > 1e-12) steps.push({ moved, turned, rho: 1 / curvature })
    if (steps.length > memory) steps.shift()
    const gained = loss - found.loss
    ;({ point, gradient, loss } = found)
    if (gained <= 1e-10 * Math.max(1, Math.abs(loss))) break
  }
  return point
}

/** The two-loop recursion: −H · slope. */
function directionOf(slope: Float64Array, steps: readonly Step[]): Float64Array {
  const direction = slope.map((value) => -value)
  const weights = new Float64Array(steps.length)
  for (let at = steps.length - 1; at >= 0; at--) {
    const { moved, turned, rho } = steps[at]!
    weights[at] = rho * dot(moved, direction)
    addScaled(direction, turned, -weights[at]!)
  }
  const last = steps.at(-1)
  if (last !== undefined) {
    const size = 1 / (last.rho * dot(last.turned, last.turned))
    for (let i = 0; i < direction.length; i++) direction[i]! *= size
  }
  for (const [at, { moved, turned, rho }] of steps.entries()) {
    addScaled(direction, moved, weights[at]! - rho * dot(turned, direction))
  }
  return direction
}

interface SearchFrom {
  readonly objective: Objective
  readonly point: Float64Array
  readonly direction: Float64Array
  readonly slope: Float64Array
  readonly loss: number
  readonly l1: Float64Array | undefined
  readonly isFirst: boolean
}

/** Halves the step until the loss falls enough (Armijo 1966); with `l1` no coordinate crosses 0 in one step. */
function search({ objective, point, direction, slope, loss, l1, isFirst }: SearchFrom) {
  const gradient = new Float64Array(point.length)
  let size = isFirst ? 1 / Math.max(1, Math.sqrt(dot(slope, slope))) : 1
  for (let halving = 0; halving < maxHalvings; halving++, size /= 2) {
    const next = point.map((value, i) => {
      const to = value + size * direction[i]!
      if (l1 === undefined || l1[i] === 0) return to
      const side = value === 0 ? -slope[i]! : value
      return to * side > 0 ? to : 0
    })
    const nextLoss = objective(next, gradient) + absolute(next, l1)
    let expected = 0
    for (let i = 0; i < next.length; i++) expected += slope[i]! * (next[i]! - point[i]!)
    if (nextLoss <= loss + 1e-4 * expected && expected < 0) return { point: next, gradient, loss: nextLoss }
  }
  return undefined
}

/** The gradient, and where a coordinate is 0 under `l1` the slope of the side on which the sum falls. */
function steepest(point: Float64Array, gradient: Float64Array, l1: Float64Array | undefined): Float64Array {
  if (l1 === undefined) return gradient
  return gradient.map((value, i) => {
    const weight = l1[i]!
    if (point[i] !== 0) return value + weight * Math.sign(point[i]!)
    return Math.abs(value) <= weight ? 0 : value - Math.sign(value) * weight
  })
}

function absolute(point: Float64Array, l1: Float64Array | undefined): number {
  return l1 === undefined ? 0 : point.reduce((sum, value, i) => sum + l1[i]! * Math.abs(value), 0)
}

function addScaled(to: Float64Array, from: Float64Array, by: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += by * from[i]!
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
