import { indexAt, mostValue } from '../forecast/series.ts'
import { memory } from './decompose.ts'
import { judge, type Verdict } from './score.ts'
import type { AnomalySeries } from './train.ts'

/** Errors count for no more than so many scales: an anomaly does not become what is expected. */
const clip = 2
/** The mean of a squared normal error that was clipped so. */
const clippedVariance = 0.9205

export interface Follower {
  /** Judges the next point and learns from it; one that is not newer than the last is judged only, and so is what is missing. */
  next(timeMs: number, value: number): Verdict & { readonly isAlarm: boolean }
  /** Where it stands: goes on from there. Plain data. */
  state(): AnomalySeries
}

/**
 * Follows a stream by robust exponential smoothing (Gelper, Fried & Croux 2010): errors are clipped at two scales before
 * level, season and scale move by them. `isAlarm` is true once for anomalous points that are no further apart than the
 * cool-down. What is off for a whole season is the new level.
 */
export function follow(series: AnomalySeries): Follower {
  const { coolDown } = series
  const factors = [...series.factors]
  const scales = [...series.scales]
  const perSeason = factors.length > 1 ? factors.length : coolDown
  const levelWeight = 2 / (perSeason + 1)
  const factorWeight = factors.length > 1 ? 2 / (memory + 1) : 0
  const scaleWeight = 2 / ((memory * perSeason) / scales.length + 1)
  let { level, last, anomalous, run } = series

  /** A weight of 2 / (n + 1) remembers n points. */
  function learn(index: number, error: number): void {
    const place = index % scales.length
    const scale = scales[place]!
    const moved = Math.max(-clip, Math.min(clip, error / scale))
    level += levelWeight * moved * scale
    factors[index % factors.length]! += factorWeight * moved * scale
    const variance = 1 + scaleWeight * (moved ** 2 / clippedVariance - 1)
    scales[place] = Math.max(series.leastScale, scale * Math.sqrt(variance))
  }

  return {
    next(timeMs, value) {
      const verdict = judge({ ...series, level, factors, scales }, timeMs, value)
      const index = indexAt(series, timeMs)
      if (index <= last || !(Math.abs(value) <= mostValue)) return { ...verdict, isAlarm: false }
      last = index
      const error = value - verdict.expected
      learn(index, error)
      if (!verdict.isAnomaly) {
        run = { points: 0, sum: 0 }
        return { ...verdict, isAlarm: false }
      }
      const isAlarm = anomalous === null || index - anomalous > coolDown
      anomalous = index
      run = { points: run.points + 1, sum: run.sum + error }
      if (run.points >= perSeason) {
        level += run.sum / run.points
        run = { points: 0, sum: 0 }
      }
      return { ...verdict, isAlarm }
    },
    state: () => ({ ...series, level, last, anomalous, run, factors: [...factors], scales: [...scales] }),
  }
}
