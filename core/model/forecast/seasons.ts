import { autocorrelations } from './autocorrelation.ts'
import type { Series, Step } from './series.ts'

/** Of a calendar's, each tested alone: one-sided, 5 % of noise passes. Of any length, the highest of many peaks. */
const calendarSigmas = 1.645
const anySigmas = 3.5
const maxAnyLag = 1_000
const maxSeasons = 2
/** Of a clock: with less, neighbours that differ look like a season. */
const leastLength = 4
/** A week of five minutes. */
const mostLength = 2_016

/**
 * The lengths of the seasons, in points, shortest first; a longer one is a multiple of the shorter. The calendar's are
 * tried first (hour, day, week, year, as the step has them) and, where none is there, any other. A season is one where the
 * autocorrelation at its length, without the trend and shorter seasons, is more than red noise would have, AR(1) with the
 * same correlation of neighbours (Bartlett 1946; the null hypothesis of Torrence & Compo 1998). It must fit in twice.
 */
export function detectSeasons({ step, values }: Pick<Series, 'step' | 'values'>): number[] {
  const found: number[] = []
  let rest = values
  for (const length of calendarSeasons(step)) {
    if (length * 2 > values.length || found.length === maxSeasons) break
    if (found.some((shorter) => length % shorter !== 0)) continue
    const level = withoutTrend(rest, length)
    const [neighbour = 0, correlation = 0] = autocorrelations(level, [1, length])
    if (!isSeason({ neighbour, correlation, length, points: level.length, sigmas: calendarSigmas })) continue
    found.push(length)
    rest = withoutSeason(level, length)
  }
  if (found.length > 0) return found
  const other = anySeason(withoutTrend(values, values.length))
  return other === undefined ? [] : [other]
}

function calendarSeasons(step: Step): number[] {
  if (step.kind === 'months') return 12 % step.months === 0 && step.months < 12 ? [12 / step.months] : []
  const hour = 3_600_000
  const whole = [hour, 24 * hour, 168 * hour].map((ms) => ms / step.ms).filter((length) => Number.isInteger(length))
  const year = Math.round((365.25 * 24 * hour) / step.ms)
  // Years of hours have more factors than there is ever data for.
  return [...whole, ...(year <= 366 ? [year] : [])].filter((length) => length >= leastLength && length <= mostLength)
}

interface Candidate {
  readonly length: number
  readonly points: number
  /** Autocorrelations at 1 and at the length. */
  readonly neighbour: number
  readonly correlation: number
  readonly sigmas: number
}

function isSeason({ length, points, neighbour, correlation, sigmas }: Candidate): boolean {
  const red = Math.max(0, neighbour)
  const pairs = points - length
  const deviation = Math.sqrt((1 + red ** 2) / (1 - red ** 2) / pairs)
  // Over the pairs that there are: a longer lag has fewer.
  return (correlation * points) / pairs > red ** length + sigmas * deviation
}

/** The highest peak after the autocorrelations were first negative. */
function anySeason(values: Float64Array): number | undefined {
  const lags = Math.min(maxAnyLag, Math.floor(values.length / 3))
  const correlations = autocorrelations(
    values,
    Array.from({ length: lags + 1 }, (_, lag) => lag),
  )
  const negative = correlations.findIndex((correlation) => correlation < 0)
  if (negative < 0) return undefined
  let best = 0
  for (let lag = Math.max(2, negative); lag < lags; lag++) {
    const isPeak = correlations[lag]! >= correlations[lag - 1]! && correlations[lag]! > correlations[lag + 1]!
    if (isPeak && (best === 0 || correlations[lag]! > correlations[best]!)) best = lag
  }
  const [neighbour, correlation] = [correlations[1]!, correlations[best]!]
  const candidate = { length: best, points: values.length, neighbour, correlation, sigmas: anySigmas }
  return best > 0 && isSeason(candidate) ? best : undefined
}

/** Less a moving average over a season, or, where there are less than four, less a straight line. */
function withoutTrend(values: Float64Array, length: number): Float64Array {
  if (values.length < 4 * length) {
    const { level, slope } = line(values)
    return values.map((value, i) => value - level - slope * i)
  }
  const half = length >> 1
  const [sums, counts] = [new Float64Array(values.length + 1), new Uint32Array(values.length + 1)]
  for (let i = 0; i < values.length; i++) {
    const missing = Number.isNaN(values[i])
    sums[i + 1] = sums[i]! + (missing ? 0 : values[i]!)
    counts[i + 1] = counts[i]! + (missing ? 0 : 1)
  }
  return values.map((value, i) => {
    const from = Math.min(Math.max(0, i - half), values.length - length)
    return value - (sums[from + length]! - sums[from]!) / (counts[from + length]! - counts[from]!)
  })
}

function withoutSeason(values: Float64Array, length: number): Float64Array {
  const means = seasonMeans(values, length)
  return values.map((value, i) => value - means[i % length]!)
}

/** The mean of each place in the season; 0 where there is none. */
export function seasonMeans(values: Float64Array, length: number): Float64Array {
  const [means, counts] = [new Float64Array(length), new Uint32Array(length)]
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue
    means[i % length]! += values[i]!
    counts[i % length]!++
  }
  return means.map((sum, place) => (counts[place] === 0 ? 0 : sum / counts[place]!))
}

/** The straight line of least squares through the values that are there. */
export function line(values: Float64Array): { readonly level: number; readonly slope: number } {
  let [n, x, y, xx, xy] = [0, 0, 0, 0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (Number.isNaN(value)) continue
    n++
    x += i
    y += value
    xx += i * i
    xy += i * value
  }
  const across = n * xx - x * x
  const slope = across === 0 ? 0 : (n * xy - x * y) / across
  return { level: n === 0 ? 0 : (y - slope * x) / n, slope }
}

/** Of those that are there; NaN where there are none. */
export function mean(values: Float64Array): number {
  let [sum, count] = [0, 0]
  for (const value of values) {
    if (Number.isNaN(value)) continue
    sum += value
    count++
  }
  return sum / count
}
