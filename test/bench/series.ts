/**
 * Forecasts and anomalies of real half-hourly taxi rides (../shared/data/nyc-taxi): the next day, forecast anew at each
 * midnight from the eighth week on with what was known by then, against the same day a week before; and which of the five
 * labelled windows are hit, with how many alarms outside them. And how long many made-up series take.
 *
 *   node test/bench/series.ts [--every 1]
 */
import { parseArgs } from 'node:util'
import { follow } from '../../core/model/anomaly/follow.ts'
import { trainAnomaly } from '../../core/model/anomaly/train.ts'
import { writeArtefact } from '../../core/model/forecast/artefact.ts'
import { trainForecast } from '../../core/model/forecast/train.ts'
import { createRandom } from '../../core/model/random.ts'
import { rollingDays, type TaxiRides, taxiRides, windowsHit } from '../support/taxi.ts'
import { median, table } from './report.ts'

const { values } = parseArgs({ options: { every: { type: 'string', default: '1' } } })
const rides = taxiRides()
if (rides === undefined) throw new Error('../shared/data/nyc-taxi is absent')

anomalies(rides)
forecasts(rides, Number(values.every))
many(1_000, 120)

function anomalies(rides: TaxiRides): void {
  const rows = [0.01, 0.003, 0.001, 0.0003, 0.0001].map((rate) => {
    const began = performance.now()
    const [series] = trainAnomaly({ groups: [{ key: '', ...rides }], rate }).series
    const ms = performance.now() - began
    const { hit, outside } = windowsHit(rides, series!.history)
    const shown = outside.map(({ fromMs }) => new Date(fromMs).toISOString().slice(0, 10)).join(' ')
    return [
      `${rate}${rate === 0.001 ? ' (default)' : ''}`,
      `${hit} of 5`,
      `${outside.length}`,
      shown,
      `${ms.toFixed(0)} ms`,
    ]
  })
  table('Anomalies of the whole series, by the share of points that may be beyond', [
    ['rate', 'windows hit', 'alarms outside', 'on', 'took'],
    ...rows,
  ])
  table('As a stream, learnt from the first weeks, then each point judged before it is known to others', [
    ['learnt from', 'windows hit', 'alarms', 'outside', 'a point'],
    ...[8, 10, 12, 14].map((weeks) => streamed(rides, weeks)),
  ])
}

function streamed(rides: TaxiRides, weeks: number): string[] {
  const known = weeks * 336
  const past = { times: rides.times.subarray(0, known), values: rides.values.subarray(0, known) }
  const follower = follow(trainAnomaly({ groups: [{ key: '', ...past }] }).series[0]!)
  const found: { fromMs: number; toMs: number }[] = []
  const began = performance.now()
  for (let i = known; i < rides.times.length; i++) {
    const timeMs = rides.times[i]!
    const { isAnomaly, isAlarm } = follower.next(timeMs, rides.values[i]!)
    if (isAlarm) found.push({ fromMs: timeMs, toMs: timeMs })
    else if (isAnomaly) found.at(-1)!.toMs = timeMs
  }
  const us = ((performance.now() - began) * 1_000) / (rides.times.length - known)
  const { hit, outside } = windowsHit(rides, found)
  return [`${weeks} weeks`, `${hit} of 5`, `${found.length}`, `${outside.length}`, `${us.toFixed(1)} µs`]
}

function forecasts(rides: TaxiRides, every: number): void {
  const days = [...rollingDays(rides, { first: 56, every })]
  const mean = (of: (day: (typeof days)[number]) => number) => days.reduce((sum, day) => sum + of(day), 0) / days.length
  const root = (of: (day: (typeof days)[number]) => number) => Math.sqrt(mean(of))
  table(`The next day of half-hours, ${days.length} days from the ninth week on, trained anew for each`, [
    ['', 'MAE', 'RMSE'],
    ['edgewise', mean((day) => day.mae).toFixed(0), root((day) => day.mse).toFixed(0)],
    ['the same day a week before', mean((day) => day.naiveMae).toFixed(0), root((day) => day.naiveMse).toFixed(0)],
    [
      'ratio',
      (mean((day) => day.mae) / mean((day) => day.naiveMae)).toFixed(3),
      (root((day) => day.mse) / root((day) => day.naiveMse)).toFixed(3),
    ],
  ])
  const share = (part: typeof days, of: (day: (typeof days)[number]) => number) =>
    `${((100 * part.reduce((sum, day) => sum + of(day), 0)) / part.length).toFixed(1)} %`
  const half = days.length >> 1
  table('How much of what came was within the intervals', [
    ['interval', 'all days', 'first half', 'second half (with every labelled window but the marathon)'],
    ...([80, 95] as const).map((level) => {
      const of = (day: (typeof days)[number]) => (level === 80 ? day.within80 : day.within95)
      return [`${level} %`, share(days, of), share(days.slice(0, half), of), share(days.slice(half), of)]
    }),
  ])
  const methods = Map.groupBy(days, ({ method }) => method)
  table('What was chosen', [
    ['method', 'days'],
    ...[...methods].map(([method, list]) => [method, `${list.length}`]),
    ['training, median', `${median(days.map(({ trainMs }) => trainMs)).toFixed(0)} ms`],
  ])
}

/** Daily series with weeks in them, each its own. */
function many(series: number, points: number): void {
  const groups = Array.from({ length: series }, (_, k) => {
    const random = createRandom(k)
    return {
      key: `${k}`,
      times: Float64Array.from({ length: points }, (_, i) => i * 86_400_000),
      values: Float64Array.from(
        { length: points },
        (_, i) => 100 + (i % 7 > 4 ? 20 : 0) + i * random() + 10 * random(),
      ),
    }
  })
  const began = performance.now()
  const model = trainForecast({ groups, horizon: 14 })
  const seconds = (performance.now() - began) / 1_000
  const { bytes } = writeArtefact(model)
  table(`${series} series of ${points} days, two weeks of each forecast`, [
    ['training', 'a series', 'artefact, a series'],
    [
      `${seconds.toFixed(1)} s`,
      `${((seconds * 1_000) / series).toFixed(1)} ms`,
      `${(bytes.length / series / 1_024).toFixed(1)} KiB`,
    ],
  ])
}
