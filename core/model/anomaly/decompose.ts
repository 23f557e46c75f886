import { median, medianInPlace } from './median.ts'

export interface Parts {
  readonly trend: Float64Array
  readonly season: Float64Array
  /** NaN where the value is. */
  readonly remainder: Float64Array
}

/** Seasons that one is compared with, on each side: of nine, four may be anomalous. */
const neighbours = 4
/** How many seasons that makes, with itself. */
export const memory = 2 * neighbours + 1
/** Of the trend's median, in seasons: what is anomalous for a whole one is still less than half. */
const trendSeasons = 3
/** Points of it where there is no season. */
const unseasonal = 49
/** The trend is found anew so often in a season, straight in between. */
const trendsOfSeason = 28

/**
 * A series as trend, season and remainder, by medians throughout, so that what is anomalous does not move what is expected
 * (as S-H-ESD, Hochenbaum et al. 2017, but with a trend and a season that may change): the trend is the running median of
 * three seasons, the season the median of the same place in the four seasons before and after, the remainder what is left.
 * As in STL (Cleveland et al. 1990) the trend is then found again without the season, and the season without that trend.
 */
export function decompose(values: Float64Array, length: number | undefined): Parts {
  const width = Math.min(length === undefined ? unseasonal : trendSeasons * length, values.length)
  let trend = runningMedian(values, width)
  let season = new Float64Array(values.length)
  if (length !== undefined) {
    season = seasonOf(minus(values, trend), length)
    trend = runningMedian(minus(values, season), width)
    season = seasonOf(minus(values, trend), length)
  }
  return { trend, season, remainder: minus(minus(values, trend), season) }
}

function minus(values: Float64Array, others: Float64Array): Float64Array<ArrayBuffer> {
  const rest = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) rest[i] = values[i]! - others[i]!
  return rest
}

function seasonOf(values: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const near = new Float64Array(memory)
  const season = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    let count = 0
    for (let k = -neighbours; k <= neighbours; k++) {
      const value = values[i + k * length]
      if (value !== undefined && !Number.isNaN(value)) near[count++] = value
    }
    season[i] = count === 0 ? 0 : medianInPlace(near.subarray(0, count))
  }
  return season
}

/** Over `width` points around each; at the ends, over the first and the last ones. */
function runningMedian(values: Float64Array, width: number): Float64Array<ArrayBuffer> {
  const stride = Math.max(1, Math.floor(width / trendsOfSeason))
  const found = new Float64Array(values.length)
  const at = (centre: number): number => {
    const from = Math.min(Math.max(0, centre - (width >> 1)), values.length - width)
    return median(values.subarray(from, from + width))
  }
  let [left, right] = [NaN, at(0)]
  for (let i = 0; i < values.length; i++) {
    const past = i % stride
    if (past === 0) [left, right] = [right, at(Math.min(i + stride, values.length - 1))]
    // Nothing there for a whole season: what was last, or what comes next.
    if (Number.isNaN(left)) left = right
    if (Number.isNaN(right)) right = left
    found[i] = left + ((right - left) * past) / stride
  }
  return found
}
