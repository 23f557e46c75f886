import { readFileSync } from 'node:fs'
import { forecast } from '../../core/model/forecast/forecast.ts'
import { trainForecast } from '../../core/model/forecast/train.ts'
import { sampleData } from './optional.ts'

export interface TaxiRides {
  readonly times: Float64Array
  readonly values: Float64Array
  /** From and to, in milliseconds: what people say was anomalous. */
  readonly windows: readonly (readonly [number, number])[]
}

const [day, week] = [48, 336]

/** Half-hours of taxi rides in New York; undefined where they are absent. */
export function taxiRides(): TaxiRides | undefined {
  const path = sampleData('nyc-taxi/nyc-taxi.csv')
  const labels = sampleData('nyc-taxi/anomaly-windows.json')
  if (path === undefined || labels === undefined) return undefined
  const rows = readFileSync(path, 'utf8').trim().split('\n').slice(1)
  const windows = JSON.parse(readFileSync(labels, 'utf8')) as [string, string][]
  return {
    times: Float64Array.from(rows, (row) => msOf(row.split(',')[0]!)),
    values: Float64Array.from(rows, (row) => Number(row.split(',')[1])),
    windows: windows.map(([from, to]) => [msOf(from), msOf(to)]),
  }
}

function msOf(text: string): number {
  return Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`)
}

/** How many of the labelled windows have an alarm in them, and which alarms are in none. */
export function windowsHit<T extends { readonly fromMs: number; readonly toMs: number }>(
  { windows }: TaxiRides,
  alarms: readonly T[],
) {
  const meet = ({ fromMs, toMs }: T, [from, to]: readonly [number, number]) => fromMs <= to && toMs >= from
  return {
    hit: windows.filter((window) => alarms.some((alarm) => meet(alarm, window))).length,
    outside: alarms.filter((alarm) => !windows.some((window) => meet(alarm, window))),
  }
}

/** At midnights from the day `first` on: the next day as it is forecast from what was known, and as it was. */
export function* rollingDays({ times, values }: TaxiRides, { first, every }: { first: number; every: number }) {
  for (let origin = first * day; origin + day <= values.length; origin += every * day) {
    const began = performance.now()
    const known = { key: '', times: times.subarray(0, origin), values: values.subarray(0, origin) }
    const model = trainForecast({ groups: [known], horizon: day })
    const trainMs = performance.now() - began
    const points = forecast(model, '')
    const mean = (of: (point: (typeof points)[number], i: number) => number) =>
      points.reduce((sum, point, i) => sum + of(point, i), 0) / day
    const came = (i: number): number => values[origin + i]!
    yield {
      trainMs,
      method: model.series[0]!.measured!.chosen.method,
      mae: mean(({ value }, i) => Math.abs(came(i) - value)),
      mse: mean(({ value }, i) => (came(i) - value) ** 2),
      naiveMae: mean((_, i) => Math.abs(came(i) - came(i - week))),
      naiveMse: mean((_, i) => (came(i) - came(i - week)) ** 2),
      within80: mean(({ low80, high80 }, i) => (came(i) >= low80 && came(i) <= high80 ? 1 : 0)),
      within95: mean(({ low95, high95 }, i) => (came(i) >= low95 && came(i) <= high95 ? 1 : 0)),
    }
  }
}
