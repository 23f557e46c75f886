import { type AnomalyModel, trainAnomaly } from '../anomaly/train.ts'
import { writeArtefact } from '../forecast/artefact.ts'
import { type ForecastModel, trainForecast } from '../forecast/train.ts'
import type { Table } from '../table.ts'
import { drawAnomalies, drawForecast } from './drawings.ts'
import { groupsOf, type SeriesColumns, textsOf } from './groups.ts'

export interface SeriesTraining {
  readonly engine: 'forecast' | 'anomaly'
  readonly table: Table
  readonly columns: SeriesColumns
  /** Steps ahead, of a forecast. */
  readonly horizon: number
  readonly onProgress: (done: number, of: number) => void
}

export interface TrainedSeries {
  readonly file: Uint8Array<ArrayBuffer>
  readonly card: Readonly<Record<string, unknown>>
  readonly beatsBaseline: boolean
}

/** Of so many series the card says each one's own figures. */
const shown = 100
/** Alarms that it lists, those that are furthest off. */
const shownAlarms = 30

/** A model of every series: plain data as JSON, which the core answers from. */
export function trainSeries({ engine, table, columns, horizon, onProgress }: SeriesTraining): TrainedSeries {
  const groups = groupsOf(table, columns)
  const common = { target: columns.value, time: columns.time, by: columns.by, rows: { used: table.rows, dropped: 0 } }
  if (engine === 'forecast') {
    const model = trainForecast({ groups, horizon, onProgress })
    return {
      file: bytesOf(model),
      card: {
        task: 'forecast',
        ...common,
        horizon,
        ...forecastCard(model),
        drawings: drawForecast(model, groups),
      },
      beatsBaseline: beats(model),
    }
  }
  const model = trainAnomaly({ groups, onProgress })
  const series = model.series.slice(0, shown).map(({ key, seasons, history }) => ({
    series: textsOf(key),
    seasons,
    alarms: history.length,
  }))
  return {
    file: bytesOf(model),
    card: {
      task: 'anomaly',
      ...common,
      rate: model.rate,
      count: model.series.length,
      series,
      left: model.left,
      alarms: alarmsOf(model),
      drawings: drawAnomalies(model, groups),
    },
    beatsBaseline: true,
  }
}

function alarmsOf({ series }: AnomalyModel) {
  const time = (ms: number): string => new Date(ms).toISOString()
  return series
    .flatMap(({ key, history }) => history.map((alarm) => ({ key, ...alarm })))
    .sort((a, b) => Math.abs(b.score) - Math.abs(a.score))
    .slice(0, shownAlarms)
    .map(({ key, fromMs, toMs, peakMs, ...alarm }) => {
      return { series: textsOf(key), begin: time(fromMs), end: time(toMs), peak: time(peakMs), ...alarm }
    })
}

function forecastCard({ series, left }: ForecastModel) {
  return {
    count: series.length,
    series: series.slice(0, shown).map(({ key, points, seasons, parts, measured }) => ({
      series: textsOf(key),
      points,
      seasons,
      methods: parts.map(({ method }) => method),
      ...(measured && {
        mase: measured.chosen.mase,
        baseline_mase: measured.baseline.mase,
        rmse: measured.chosen.rmse,
        baseline_rmse: measured.baseline.rmse,
        origins: measured.origins,
        coverage: measured.coverage,
        tried: measured.tried,
      }),
    })),
    left,
  }
}

/** Over all series that could be measured, by their mean scaled error; what could not be has no better answer. */
function beats({ series }: ForecastModel): boolean {
  const known = series.flatMap(({ measured }) => (measured === undefined ? [] : [measured]))
  const mean = (of: (one: (typeof known)[number]) => number): number => known.reduce((sum, one) => sum + of(one), 0)
  return mean(({ chosen }) => chosen.mase) <= mean(({ baseline }) => baseline.mase)
}

function bytesOf(model: object): Uint8Array<ArrayBuffer> {
  return new Uint8Array(writeArtefact(model).bytes)
}
