import type { Pass } from './smooth.ts'
import { noEcho, type State } from './state.ts'

/** The last value, or the last one of the same place in the season: what was there most recently, where one is missing. */
export function naive(values: Float64Array, season: number, origins: readonly number[]): Pass {
  const last = new Float64Array(season).fill(NaN)
  const states: State[] = []
  let [origin, sum, count] = [0, 0, 0]
  let newest = NaN
  for (let i = 0; i <= values.length; i++) {
    while (origins[origin] === i) {
      const factors = Array.from(last, (_, k) => {
        const value = last[(i + k) % season]!
        return Number.isNaN(value) ? newest : value
      })
      states.push({ level: 0, trend: 0, damping: 1, seasons: [{ kind: 'add', factors }], echo: noEcho })
      origin++
    }
    const value = values[i]
    if (value === undefined || Number.isNaN(value)) continue
    const before = last[i % season]!
    if (!Number.isNaN(before)) {
      sum += Math.abs(value - before)
      count++
    }
    last[i % season] = value
    newest = value
  }
  return { states, loss: count > 0 ? sum / count : Infinity }
}
