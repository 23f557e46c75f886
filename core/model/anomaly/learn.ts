import { Failure } from '#mesh/errors.ts'
import { detectSeasons } from '../forecast/seasons.ts'
import { type Series, timeAt } from '../forecast/series.ts'
import { alarms } from './alarms.ts'
import { decompose, memory } from './decompose.ts'
import { follow } from './follow.ts'
import { scales, scoreOf, thresholdOf } from './scale.ts'
import type { AnomalySeries, PastAlarm } from './train.ts'

const leastPoints = 10
/** Points of a cool-down where there is no season. */
const unseasonalCoolDown = 24

/** What is ordinary in a series, and what was not. `check` is called between the parts of the work; it throws to stop. */
export function learn(key: string, series: Series, rate: number, check: () => void): AnomalySeries {
  const { values } = series
  if (values.length < leastPoints) {
    const reason = `the series has ${values.length} points; at least ${leastPoints} are needed`
    throw new Failure('request.invalid', `Anomalies cannot be learnt: ${reason}.`, {
      hint: 'Select a longer past.',
      errors: [{ pointer: 'FROM', reason }],
    })
  }
  const seasons = detectSeasons(series)
  check()
  const coolDown = seasons[0] ?? unseasonalCoolDown
  const parts = decompose(values, seasons.at(-1))
  check()
  const spread = scales(parts.remainder, seasons[0] ?? 1)
  const scores = parts.remainder.map((rest, i) => scoreOf(rest, spread[i % spread.length]!))
  const history = alarms(scores, thresholdOf(scores, rate), coolDown).map(
    ({ from, to, peak, score, points }): PastAlarm => ({
      fromMs: timeAt(series, from),
      toMs: timeAt(series, to),
      peakMs: timeAt(series, peak),
      value: values[peak]!,
      expected: parts.trend[peak]! + parts.season[peak]!,
      score,
      points,
    }),
  )
  check()
  return { ...watched(key, series, { seasons, coolDown, rate }), history }
}

/**
 * As if the history had come as a stream: begun with its first half, nine seasons at most, and followed from there. So the
 * threshold is of values that were judged by what was known before them, as those to come will be.
 */
function watched(
  key: string,
  { startMs, step, values }: Series,
  {
    seasons,
    coolDown,
    rate,
  }: { readonly seasons: readonly number[]; readonly coolDown: number; readonly rate: number },
): AnomalySeries {
  const longest = seasons.at(-1)
  const begun = Math.min(values.length >> 1, memory * (longest ?? values.length))
  const { trend, season, remainder } = decompose(values.subarray(0, begun), longest)
  const spread = scales(remainder, seasons[0] ?? 1)
  const factors = Array.from({ length: longest ?? 1 }, () => 0)
  for (let i = begun - factors.length; i < begun; i++) factors[i % factors.length] = season[i]!
  const follower = follow({
    key,
    startMs,
    step,
    seasons,
    level: trend[begun - 1]!,
    factors,
    scales: Array.from(spread),
    leastScale: spread.reduce((least, scale) => Math.min(least, scale)),
    threshold: Infinity,
    coolDown,
    last: begun - 1,
    anomalous: null,
    run: { points: 0, sum: 0 },
    history: [],
  })
  const scores = values
    .subarray(begun)
    .map((value, i) => follower.next(timeAt({ startMs, step }, begun + i), value).score)
  return { ...follower.state(), threshold: thresholdOf(scores, rate) }
}
