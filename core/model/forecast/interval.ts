/** Half the width of the intervals of 80 % and 95 %, for each step ahead. */
export interface Radius {
  readonly of80: readonly number[]
  readonly of95: readonly number[]
}

/** Neighbouring steps are taken together until there are so many errors, so that a quantile is not a single one. */
const pooled = 100
/** Of a normal distribution. */
const z80 = 1.2816
const z95 = 1.96

/** With fewer origins no quantile is that of 95 %. */
const leastOrigins = 19

/**
 * Split conformal intervals (Lei et al. 2018) around the forecasts of a backtest: at each step ahead, the quantile of the
 * absolute errors that the next one would be within with the stated chance if it came from the same distribution. `off`
 * has shape [origins, horizon], NaN where nothing came. With fewer than 19 origins there is no 95 % quantile: then it is the
 * largest error, or the 80 % one as much wider as a normal distribution's is. Undefined where nothing came at all.
 */
export function conformal(off: Float64Array, horizon: number, shares: Shares): Radius | undefined {
  const origins = off.length / horizon
  const of80: number[] = []
  const of95: number[] = []
  for (let step = 0; step < horizon; step++) {
    const sorted = near(off, horizon, step, origins).sort()
    if (sorted.length === 0) return undefined
    const narrow = sorted[rankOf(shares.of80, origins, sorted.length) - 1]!
    const wide = sorted[rankOf(shares.of95, origins, sorted.length) - 1]!
    of80.push(narrow)
    of95.push(Math.max(wide, origins < leastOrigins ? (narrow * z95) / z80 : 0))
  }
  return { of80, of95 }
}

/** The absolute errors of the first `origins`, at a step and its neighbours. */
function near(off: Float64Array, horizon: number, step: number, origins: number): Float64Array {
  const around = Math.min(horizon, Math.ceil((pooled / Math.max(1, origins) - 1) / 2))
  const found = new Float64Array(origins * (2 * around + 1))
  let count = 0
  for (let at = Math.max(0, step - around); at <= Math.min(horizon - 1, step + around); at++) {
    for (let i = at; i < origins * horizon; i += horizon) {
      if (!Number.isNaN(off[i])) found[count++] = Math.abs(off[i]!)
    }
  }
  return found.subarray(0, count)
}

/** Of so many errors, in order, the one that is the quantile: from 1. */
function rankOf(share: number, origins: number, count: number): number {
  return Math.max(1, Math.ceil(Math.min(1, ((origins + 1) * share) / origins) * count))
}

/** Intervals where nothing can be measured: of a random walk with the changes that there were, as if they were normal. */
export function randomWalk(values: Float64Array, horizon: number): Radius {
  let [squares, count, last] = [0, 0, NaN]
  for (const value of values) {
    if (Number.isNaN(value)) continue
    if (!Number.isNaN(last)) {
      squares += (value - last) ** 2
      count++
    }
    last = value
  }
  const deviation = count === 0 ? NaN : Math.sqrt(squares / count)
  const widening = Array.from({ length: horizon }, (_, i) => deviation * Math.sqrt(i + 1))
  return { of80: widening.map((width) => width * z80), of95: widening.map((width) => width * z95) }
}

/** Wider by the root of how much further ahead, beyond what could be measured (as of a random walk). */
export function extend({ of80, of95 }: Radius, horizon: number): Radius {
  const longer = (widths: readonly number[]) =>
    Array.from({ length: horizon }, (_, i) => {
      return widths[i] ?? widths.at(-1)! * Math.sqrt((i + 1) / widths.length)
    })
  return { of80: longer(of80), of95: longer(of95) }
}

/** How much the shares follow one forecast: they remember about twenty. */
const following = 0.05
/** Steps ahead that the shares are learnt from. */
const maxSteps = 200

/** Of the errors, which share an interval is to hold so that it holds 80 % and 95 % of what comes. */
export interface Shares {
  readonly of80: number
  readonly of95: number
}

/**
 * Adaptive conformal inference (Gibbs & Candès 2021): times change, and errors of the past may be too small for the next
 * ones. So each forecast of the backtest, in order, is held against the intervals of those that had ended before it began,
 * as soon as these were enough, and the shares move by what was missed. Also the share of what came in the newer half that
 * was within, where any could be held against it.
 */
export function adapt(off: Float64Array, origins: readonly number[], horizon: number) {
  const stride = Math.ceil(horizon / maxSteps)
  const steps = Math.ceil(horizon / stride)
  const thin = Float64Array.from({ length: origins.length * steps }, (_, i) => {
    return off[Math.floor(i / steps) * horizon + (i % steps) * stride]!
  })
  let shares: Shares = { of80: 0.8, of95: 0.95 }
  let [within80, within95, count] = [0, 0, 0]
  let known = 0
  for (let k = 0; k < origins.length; k++) {
    while (origins[known]! + horizon <= origins[k]!) known++
    const was = known < leastOrigins ? undefined : within(thin, steps, k, known, shares)
    if (was === undefined) continue
    shares = {
      of80: bounded(shares.of80 + following * (0.8 - was.of80 / was.count), 0.8),
      of95: bounded(shares.of95 + following * (0.95 - was.of95 / was.count), 0.95),
    }
    if (k < origins.length >> 1) continue
    within80 += was.of80
    within95 += was.of95
    count += was.count
  }
  return { shares, ...(count === 0 ? {} : { coverage: { of80: within80 / count, of95: within95 / count } }) }
}

/** At most half again as many are left out as were to be. */
function bounded(share: number, aim: number): number {
  return Math.min(1, Math.max(aim - (1 - aim) / 2, share))
}

/** How many of one forecast's errors are no larger than the quantiles of the known ones: fewer of those are smaller. */
function within(off: Float64Array, horizon: number, origin: number, known: number, shares: Shares) {
  let [of80, of95, count] = [0, 0, 0]
  for (let step = 0; step < horizon; step++) {
    const error = Math.abs(off[origin * horizon + step]!)
    const others = near(off, horizon, step, known)
    if (Number.isNaN(error) || others.length === 0) continue
    let smaller = 0
    for (const other of others) if (other < error) smaller++
    count++
    if (smaller < rankOf(shares.of80, known, others.length)) of80++
    if (smaller < rankOf(shares.of95, known, others.length)) of95++
  }
  return count === 0 ? undefined : { of80, of95, count }
}
