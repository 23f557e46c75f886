import type { AnomalyModel } from '../anomaly/train.ts'
import { forecast } from '../forecast/forecast.ts'
import { regular, type Series, timeAt } from '../forecast/series.ts'
import type { ForecastModel, ForecastRows } from '../forecast/train.ts'
import { textsOf } from './groups.ts'

/** Series that a card has a picture of. */
const drawn = 4
/** Points of a picture, of the past and of what is ahead. */
const [leastPast, mostPast, mostAhead] = [48, 240, 240]
const envelopes = 400

interface ForecastDrawing {
  readonly series: readonly string[]
  /** Each `[ms, value]`; null where one is missing. */
  readonly past: readonly (readonly [number, number | null])[]
  /** Each `[ms, value, low of 80 %, high of 80 %, low of 95 %, high of 95 %]`. */
  readonly ahead: readonly (readonly number[])[]
}

/** What a forecast looks like, of its first series: the newest points and those ahead. */
export function drawForecast(model: ForecastModel, groups: readonly ForecastRows[]): readonly ForecastDrawing[] {
  const steps = Math.min(mostAhead, model.horizon)
  const length = Math.min(mostPast, Math.max(leastPast, 3 * steps))
  return model.series.slice(0, drawn).map(({ key }) => {
    const series = seriesOf(groups, key)
    const first = Math.max(0, series.values.length - length)
    const past = Array.from(series.values.subarray(first), (value, at) => {
      return [timeAt(series, first + at), Number.isNaN(value) ? null : value] as const
    })
    const ahead = forecast(model, key, steps).map(({ timeMs, value, low80, high80, low95, high95 }) => {
      return [timeMs, value, low80, high80, low95, high95]
    })
    return { series: textsOf(key), past, ahead }
  })
}

interface AnomalyDrawing {
  readonly series: readonly string[]
  /** Each `[ms, least, greatest]` of as many points as make few of these. */
  readonly past: readonly (readonly [number, number, number])[]
  /** From and to. */
  readonly alarms: readonly (readonly [number, number])[]
}

/** What was watched, of the first series. */
export function drawAnomalies(model: AnomalyModel, groups: readonly ForecastRows[]): readonly AnomalyDrawing[] {
  return model.series.slice(0, drawn).map(({ key, history }) => ({
    series: textsOf(key),
    past: envelopeOf(seriesOf(groups, key)),
    alarms: history.map(({ fromMs, toMs }) => [fromMs, toMs] as const),
  }))
}

function seriesOf(groups: readonly ForecastRows[], key: string): Series {
  const { times, values } = groups.find((group) => group.key === key)!
  return regular(times, values)
}

function envelopeOf(series: Series): AnomalyDrawing['past'] {
  const width = Math.max(1, Math.ceil(series.values.length / envelopes))
  const found: (readonly [number, number, number])[] = []
  for (let from = 0; from < series.values.length; from += width) {
    const values = series.values.subarray(from, from + width).filter((value) => !Number.isNaN(value))
    if (values.length > 0) found.push([timeAt(series, from), Math.min(...values), Math.max(...values)])
  }
  return found
}
