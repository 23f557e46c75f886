export interface Sums {
  readonly gradient: number
  readonly hessian: number
}

/** What is known of a node before it is split. */
export interface NodeSums extends Sums {
  readonly rows: number
  /** What a leaf below may say, so that a monotone feature above it keeps its word. */
  readonly low: number
  readonly high: number
}

export interface Split {
  readonly feature: number
  readonly gain: number
  /** Goes left up to this bin, where there are no `members`. */
  readonly bin: number
  /** The categories that go left. */
  readonly members?: readonly number[]
  readonly missingLeft: boolean
  readonly left: Sums
  readonly right: Sums
}

export interface SplitRules {
  readonly l2: number
  readonly minChildWeight: number
  readonly minRows: number
  /** Less is the noise of sums. In the units of the loss, as all gains. */
  readonly leastGain: number
  readonly monotone: readonly (-1 | 0 | 1)[]
}

/** What a leaf of these sums says. Chen & Guestrin 2016, (5), within its bounds. */
export function leafValue(gradient: number, hessian: number, l2: number, low: number, high: number): number {
  const value = -gradient / (hessian + l2)
  return value < low ? low : value > high ? high : value
}

/** By how much a leaf of this value lowers the loss, doubled. Chen & Guestrin 2016, (4). */
export function scoreOf(gradient: number, hessian: number, l2: number, value: number): number {
  return -(2 * gradient + (hessian + l2) * value) * value
}

/** Sums of a bin without rows are not quite 0 where they come of a subtraction. */
export function noiseOf(node: NodeSums): number {
  return node.hessian * 1e-10
}
