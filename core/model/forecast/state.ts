/** Where a series stands at its end, in the one form that every method's forecasts have. Plain data. */
export interface State {
  readonly level: number
  /** Added with each step, each time `damping` times as much; 1: not damped. */
  readonly trend: number
  readonly damping: number
  readonly seasons: readonly Season[]
  /** What the last point was off, of which so much is left a step later. */
  readonly echo: { readonly weight: number; readonly value: number }
}

export interface Season {
  readonly kind: 'add' | 'multiply'
  /** One for each place, the first one is of the first point after the end. */
  readonly factors: readonly number[]
}

/** The values of the next `horizon` steps. */
export function project({ level, trend, damping, seasons, echo }: State, horizon: number): Float64Array {
  const values = new Float64Array(horizon)
  let [reached, slope, left] = [level, trend, echo.value]
  for (let step = 0; step < horizon; step++) {
    slope *= damping
    reached += slope
    left *= echo.weight
    let value = reached
    for (const { kind, factors } of seasons) {
      const factor = factors[step % factors.length]!
      value = kind === 'add' ? value + factor : value * factor
    }
    values[step] = value + left
  }
  return values
}

export const noEcho: State['echo'] = { weight: 0, value: 0 }

/** A season's factors, so that the one of the point `next` comes first. */
export function from(factors: Float64Array, next: number): number[] {
  const first = next % factors.length
  return [...factors.subarray(first), ...factors.subarray(0, first)]
}
