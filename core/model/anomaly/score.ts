import { Failure } from '#mesh/errors.ts'
import { indexAt } from '../forecast/series.ts'
import { scoreOf } from './scale.ts'
import type { AnomalyModel, AnomalySeries } from './train.ts'

export interface Verdict {
  /** How many scales the value is off; negative where it is too low. NaN where it is missing. */
  readonly score: number
  readonly expected: number
  /** What is within is no anomaly. */
  readonly low: number
  readonly high: number
  readonly isAnomaly: boolean
}

/** One value at a time, against what a series' model expects there; learns nothing from it. */
export function score(model: AnomalyModel, key: string, timeMs: number, value: number): Verdict {
  const series = model.series.find((candidate) => candidate.key === key)
  if (series !== undefined) return judge(series, timeMs, value)
  const reason = model.left.find((one) => one.key === key)?.reason ?? ''
  throw new Failure('resource.not_found', `The model has no series \`${key.slice(0, 64)}\`. ${reason}`.trim())
}

export function judge(series: AnomalySeries, timeMs: number, value: number): Verdict {
  const index = indexAt(series, timeMs)
  const expected = series.level + placed(series.factors, index)
  const scale = placed(series.scales, index)
  const found = scoreOf(value - expected, scale)
  return {
    score: found,
    expected,
    low: expected - series.threshold * scale,
    high: expected + series.threshold * scale,
    isAnomaly: Math.abs(found) > series.threshold,
  }
}

/** The one of an index's place, which may be before the start. */
function placed(places: readonly number[], index: number): number {
  return places[((index % places.length) + places.length) % places.length]!
}
