import { Failure } from '#mesh/errors.ts'
import { type Follower, follow } from '../anomaly/follow.ts'
import type { AnomalyModel, AnomalySeries, PastAlarm } from '../anomaly/train.ts'
import { indexAt } from '../forecast/series.ts'
import { textsOf } from './groups.ts'

/** What is said of a row. Null where there is nothing to say. */
export interface Judged {
  readonly anomaly: boolean | null
  /** It is the first of those that belong together. */
  readonly alarm: boolean | null
  readonly score: number | null
  readonly expected: number | null
  readonly low: number | null
  readonly high: number | null
}

const nothing: Judged = { anomaly: null, alarm: null, score: null, expected: null, low: null, high: null }

interface Followed {
  readonly series: AnomalySeries
  readonly follower: Follower
  newestMs: number
}

/**
 * Judges rows one after another, each series in the order of time, from where training ended: what comes is judged, then
 * learnt from. Of what the model was trained from it knows what was anomalous, and no score. Nothing is said of a row without
 * a time or a value, or of a series that the model does not know. Errors: request.invalid, where a row is older than the one
 * before it.
 */
export function createRowJudge(model: AnomalyModel): (key: string, timeMs: number, value: number) => Judged {
  const series = new Map(model.series.map((one) => [one.key, one]))
  const followed = new Map<string, Followed>()

  function get(key: string): Followed | undefined {
    const known = followed.get(key)
    const one = known === undefined ? series.get(key) : undefined
    if (one === undefined) return known
    const begun = { series: one, follower: follow(one), newestMs: -Infinity }
    followed.set(key, begun)
    return begun
  }

  return (key, timeMs, value) => {
    const own = get(key)
    if (own === undefined || Number.isNaN(timeMs) || !Number.isFinite(value)) return nothing
    if (timeMs < own.newestMs) throw outOfOrder(key, timeMs, own.newestMs)
    own.newestMs = timeMs
    const { last, history } = own.series
    if (indexAt(own.series, timeMs) <= last) return past(history, timeMs)
    const { isAnomaly: anomaly, isAlarm: alarm, ...said } = own.follower.next(timeMs, value)
    return { anomaly, alarm, ...said }
  }
}

function past(history: readonly PastAlarm[], timeMs: number): Judged {
  const found = history.find(({ fromMs, toMs }) => fromMs <= timeMs && timeMs <= toMs)
  return { ...nothing, anomaly: found !== undefined, alarm: found?.fromMs === timeMs }
}

function outOfOrder(key: string, timeMs: number, newestMs: number): Failure {
  const [row, before] = [timeMs, newestMs].map((ms) => new Date(ms).toISOString())
  const which = key === '' ? '' : ` of \`${textsOf(key).join(', ').slice(0, 64)}\``
  return new Failure('request.invalid', `The row${which} for ${row} comes after that for ${before}.`, {
    hint: 'A series is judged in the order of time: put ORDER BY its time inside the parentheses.',
    errors: [{ pointer: 'FROM', reason: 'the rows are not in the order of time' }],
  })
}
