import { line, mean, seasonMeans } from './seasons.ts'
import { from, type State } from './state.ts'

/** How fast each part follows; 0: it stays as it began. */
export interface Smoothing {
  readonly level: number
  readonly trend: number
  /** Of the trend, a step; 1: not damped. */
  readonly damping: number
  readonly seasons: readonly { readonly length: number; readonly kind: 'add' | 'multiply'; readonly weight: number }[]
  /** How much of what the last point was off is still there in the next (AR(1)). */
  readonly echo: number
}

export interface Pass {
  /** The state after each of the `origins`. */
  readonly states: readonly State[]
  /** Mean absolute error one step ahead, after the start. Infinite where it ran away. */
  readonly loss: number
}

/**
 * Exponential smoothing in one pass, in the form of errors (Hyndman et al. 2008, ETS(A,·,·)): none to two seasons, added
 * (Gould et al. 2008) or one multiplied, a damped trend (Gardner & McKenzie 1985), errors that echo (Taylor 2003).
 * A missing value is taken to be as expected. `origins` are numbers of points, ascending.
 */
export function smooth(values: Float64Array, smoothing: Smoothing, origins: readonly number[]): Pass {
  const { seasons, damping } = smoothing
  const longest = Math.max(1, ...seasons.map(({ length }) => length))
  let { level, trend, factors } = begin(values, smoothing, longest)
  const multiplied = seasons[0]?.kind === 'multiply'
  const [first, second] = factors
  const [firstLength, secondLength] = [first?.length ?? 1, second?.length ?? 1]
  const [firstWeight, secondWeight] = [seasons[0]?.weight ?? 0, seasons[1]?.weight ?? 0]
  const warm = Math.min(longest, values.length >> 1)
  const states: State[] = []
  let [echo, sum, count, origin] = [0, 0, 0, 0]
  for (let i = 0; i <= values.length; i++) {
    while (origins[origin] === i) {
      states.push({
        level,
        trend,
        damping,
        seasons: factors.map((list, k) => ({ kind: seasons[k]!.kind, factors: from(list, i) })),
        echo: { weight: smoothing.echo, value: echo },
      })
      origin++
    }
    if (i === values.length) break
    const slope = damping * trend
    const [a, b] = [i % firstLength, i % secondLength]
    const one = first === undefined ? 0 : first[a]!
    const two = second === undefined ? 0 : second[b]!
    const reached = level + slope
    echo *= smoothing.echo
    let error = values[i]! - echo - (multiplied ? reached * one : reached + one + two)
    if (Number.isNaN(error)) error = 0
    else if (i >= warm) {
      sum += Math.abs(error)
      count++
    }
    const moved = multiplied ? error / one : error
    level = reached + smoothing.level * moved
    trend = slope + smoothing.trend * moved
    echo += smoothing.echo === 0 ? 0 : error
    if (first !== undefined) first[a] = one + firstWeight * (multiplied ? error / reached : error)
    if (second !== undefined) second[b] = two + secondWeight * error
  }
  return { states, loss: Number.isFinite(level) && count > 0 ? sum / count : Infinity }
}

/** Levels and factors of the first two or four seasons; without any, of the first ten points. */
function begin(values: Float64Array, { seasons, trend, damping }: Smoothing, longest: number) {
  const head = values.subarray(0, longest > 1 ? longest * (values.length < 4 * longest ? 2 : 4) : 10)
  const { level: at0, slope } = longest > 1 ? betweenHalves(head) : line(head)
  const trended = trend > 0
  const middle = at0 + (slope * (head.length - 1)) / 2
  const level = trended ? at0 - slope : longest > 1 ? middle : values.find((value) => !Number.isNaN(value))!
  let rest = head.map((value, i) =>
    seasons[0]?.kind === 'multiply' ? value / (at0 + slope * i) : value - at0 - slope * i,
  )
  const factors = seasons.map(({ length, kind }) => {
    const means = seasonMeans(rest, length)
    rest = rest.map((value, i) => value - means[i % length]!)
    return kind === 'multiply' ? means.map((factor) => (factor > 0 ? factor : 1)) : means
  })
  return { level, trend: trended ? slope / damping : 0, factors }
}

/** The straight line through the means of both halves: of whole seasons, which would tilt one of least squares. */
function betweenHalves(values: Float64Array): { readonly level: number; readonly slope: number } {
  const half = values.length >> 1
  const [first, second] = [mean(values.subarray(0, half)), mean(values.subarray(half))]
  const slope = (second - first) / half || 0
  return { level: (first || second) - (slope * (half - 1)) / 2, slope }
}
