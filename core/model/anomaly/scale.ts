import { median, quantile } from './median.ts'

/** Of the median of absolute deviations, where values are normal. */
const consistent = 1.4826
/** Of the whole series' scale: quiet hours are no reason to call everything an anomaly. */
const leastShare = 0.1

/**
 * How much the remainders vary at each place of the season: 1.4826 times the median of the absolute ones (MAD) at the place
 * and its neighbours. Where more than half are zero, their mean; never zero.
 */
export function scales(remainder: Float64Array, season: number): Float64Array {
  const whole = scaleOf(remainder)
  const least = whole * leastShare
  const places: number[][] = Array.from({ length: season }, () => [])
  for (let i = 0; i < remainder.length; i++) places[i % season]!.push(remainder[i]!)
  return Float64Array.from(places, (place, i) => {
    const near = season < 3 ? place : [...places.at(i - 1)!, ...place, ...places[(i + 1) % season]!]
    return Math.max(least, scaleOf(near) || whole)
  })
}

function scaleOf(remainder: Iterable<number>): number {
  const absolute = Float64Array.from(remainder, Math.abs).filter((value) => !Number.isNaN(value))
  const found = consistent * median(absolute)
  if (found > 0) return found
  return absolute.reduce((sum, value) => sum + value, 0) / absolute.length || Number.EPSILON
}

/** Less is within what a normal distribution has, whatever the tail. */
const leastThreshold = 3

/**
 * The score that only the stated share of points is beyond if nothing is anomalous. The tail is taken to be exponential, as
 * in peaks over threshold (Siffer et al. 2017, ξ = 0), and drawn through the quantiles 0.80 and 0.95 of the absolute scores:
 * anomalies themselves are further out and do not move it, as long as they are fewer than one in twenty.
 */
export function thresholdOf(scores: Float64Array, rate: number): number {
  const absolute = scores.map(Math.abs)
  const [near, far] = [quantile(absolute, 0.8), quantile(absolute, 0.95)]
  const threshold = near + ((far - near) * Math.log(0.2 / rate)) / Math.log(0.2 / 0.05)
  return Math.max(leastThreshold, threshold || 0)
}

const mostScore = 1_000

/** How many scales a remainder is. */
export function scoreOf(remainder: number, scale: number): number {
  return Math.min(mostScore, Math.max(-mostScore, remainder / scale))
}
