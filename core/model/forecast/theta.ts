import { mean, seasonMeans } from './seasons.ts'
import type { Pass } from './smooth.ts'
import { from, noEcho, type State } from './state.ts'

/**
 * The Theta method (Assimakopoulos & Nikolopoulos 2000), as simple exponential smoothing with half of the line's slope for
 * drift (Hyndman & Billah 2003), on what is left without the season: indices of the points before the first origin,
 * multiplied where every value is positive, added elsewhere.
 */
export function theta(
  values: Float64Array,
  weight: number,
  season: number | undefined,
  origins: readonly number[],
): Pass {
  const kind = values.every((value) => !(value <= 0)) ? 'multiply' : 'add'
  const factors = season === undefined ? undefined : indices(values.subarray(0, origins[0]), season, kind)
  const states: State[] = []
  let [n, x, y, xx, xy] = [0, 0, 0, 0, 0]
  let [level, sum, count, origin] = [NaN, 0, 0, 0]
  for (let i = 0; i <= values.length; i++) {
    while (origins[origin] === i) {
      const across = n * xx - x * x
      const drift = across === 0 ? 0 : (n * xy - x * y) / across / 2
      // The line's own part of the average, which exponential smoothing lags behind.
      const lag = weight === 0 ? 0 : drift * ((1 - (1 - weight) ** n) / weight - 1)
      const seasons = factors === undefined ? [] : [{ kind, factors: from(factors, i) } as const]
      states.push({ level: level + lag, trend: drift, damping: 1, seasons, echo: noEcho })
      origin++
    }
    if (i === values.length) break
    let value = values[i]!
    if (Number.isNaN(value)) continue
    if (factors !== undefined) {
      const factor = factors[i % factors.length]!
      value = kind === 'multiply' ? value / factor : value - factor
    }
    if (Number.isNaN(level)) level = value
    else {
      sum += Math.abs(value - level)
      count++
    }
    level += weight * (value - level)
    n++
    x += i
    y += value
    xx += i * i
    xy += i * value
  }
  return { states, loss: count > 0 ? sum / count : Infinity }
}

/** Classical decomposition: the mean of each place, over or less the mean of its own season. */
function indices(values: Float64Array, length: number, kind: 'add' | 'multiply'): Float64Array {
  const relative = new Float64Array(values.length)
  for (let start = 0; start < values.length; start += length) {
    const begin = Math.max(0, Math.min(start, values.length - length))
    const level = mean(values.subarray(begin, begin + length))
    const end = Math.min(values.length, start + length)
    for (let i = start; i < end; i++) relative[i] = kind === 'multiply' ? values[i]! / level : values[i]! - level
  }
  const means = seasonMeans(relative, length)
  return kind === 'multiply' ? means.map((factor) => (factor > 0 ? factor : 1)) : means
}
