import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { readAnomaly } from '../anomaly/artefact.ts'
import { type Answer, answerOf } from '../answer.ts'
import { readForecast } from '../forecast/artefact.ts'
import { forecast } from '../forecast/forecast.ts'
import type { ModelDefinition } from '../schema.ts'
import type { PredictRow } from '../statements/model-read.ts'
import { namedKey, textsOf } from './groups.ts'

type Row = Readonly<Record<string, unknown>>

interface Told {
  readonly types: Readonly<Record<string, string>>
  readonly rows: readonly Row[]
}

const time = "DateTime64(3, 'UTC')"
const maxRows = 10_000

/** What a model of series says: the steps ahead of a forecast, or the alarms of the past. WHERE picks series by their columns. */
export function readSeries(
  file: Uint8Array,
  { target = '', orderBy = '', groupBy = [] }: ModelDefinition,
  engine: string,
  { outputs, features, model }: Pick<PredictRow, 'outputs' | 'features' | 'model'>,
  valueOf: (feature: PredictRow['features'][number]) => unknown,
): Answer {
  const wanted = new Map<string, string>()
  for (const feature of features) {
    const { name } = feature.feature
    if (!groupBy.includes(name)) throw notOf(model.name, name, groupBy)
    const value = valueOf(feature) as string | number | boolean | null
    wanted.set(name, value === null ? '' : String(value))
  }
  const isWanted = (key: string): boolean =>
    textsOf(key).every((text, at) => (wanted.get(groupBy[at]!) ?? text) === text)
  const named = (key: string): Row => namedKey(key, groupBy)
  const by = Object.fromEntries(groupBy.map((name) => [name, 'String']))
  const { types, rows } =
    engine === 'forecast'
      ? steps(file, { by, orderBy, target }, isWanted, named)
      : alarms(file, { by, target }, isWanted, named)
  if (rows.length > maxRows) throw tooMany(rows.length, groupBy)
  return chosen(model.name, { types, rows }, outputs)
}

type By = Readonly<Record<string, string>>

function steps(
  file: Uint8Array,
  { by, orderBy, target }: { readonly by: By; readonly orderBy: string; readonly target: string },
  isWanted: (key: string) => boolean,
  named: (key: string) => Row,
): Told {
  const model = readForecast(file)
  const rows = model.series
    .filter(({ key }) => isWanted(key))
    .flatMap(({ key }) =>
      forecast(model, key).map(({ timeMs, value, low80, high80, low95, high95 }) => ({
        ...named(key),
        [orderBy]: new Date(timeMs).toISOString(),
        [target]: value,
        low_80: low80,
        high_80: high80,
        low_95: low95,
        high_95: high95,
      })),
    )
  const number = 'Float64'
  return {
    types: {
      ...by,
      [orderBy]: time,
      [target]: number,
      low_80: number,
      high_80: number,
      low_95: number,
      high_95: number,
    },
    rows,
  }
}

function alarms(
  file: Uint8Array,
  { by, target }: { readonly by: By; readonly target: string },
  isWanted: (key: string) => boolean,
  named: (key: string) => Row,
): Told {
  const rows = readAnomaly(file)
    .series.filter(({ key }) => isWanted(key))
    .flatMap(({ key, history }) =>
      history.map(({ fromMs, toMs, peakMs, value, expected, score, points }) => ({
        ...named(key),
        begin: new Date(fromMs).toISOString(),
        end: new Date(toMs).toISOString(),
        peak: new Date(peakMs).toISOString(),
        [target]: value,
        expected,
        score,
        points,
      })),
    )
  return {
    types: {
      ...by,
      begin: time,
      end: time,
      peak: time,
      [target]: 'Float64',
      expected: 'Float64',
      score: 'Float64',
      points: 'UInt32',
    },
    rows,
  }
}

/** The columns that were asked for, by the names that they were asked for with. */
function chosen(model: string, { types, rows }: Told, outputs: PredictRow['outputs']): Answer {
  const columns = outputs.flatMap(({ column, as }) => {
    if (column === undefined) return Object.keys(types).map((name) => ({ name, as: name }))
    if (!Object.hasOwn(types, column.name)) throw notOf(model, column.name, Object.keys(types))
    return [{ name: column.name, as: as?.name ?? column.name }]
  })
  return answerOf(
    Object.fromEntries(columns.map(({ name, as }) => [as, types[name]!])),
    rows.map((row) => Object.fromEntries(columns.map(({ name, as }) => [as, row[name]]))),
  )
}

function notOf(model: string, name: string, known: readonly string[]): Failure {
  const near = closest(name, known)
  const there = known.length === 0 ? 'It is of one series.' : `There are ${known.join(', ')}.`
  return new Failure('query.unknown_column', `\`${model}\` does not know \`${name.slice(0, 64)}\`.`, {
    hint: near === undefined ? there : `Did you mean \`${near}\`?`,
  })
}

function tooMany(count: number, by: readonly string[]): Failure {
  return new Failure('query.result_too_large', `The answer has ${count} rows; ${maxRows} fit.`, {
    hint: `Pick series: WHERE ${by[0] ?? 'key'} = '…'.`,
  })
}
