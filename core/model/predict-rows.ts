import { Failure } from '#mesh/errors.ts'
import { InputType, Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { Context } from '../context.ts'
import { type Added, answered, chosenOf, type Column, inputOf, writtenBy } from './batch/columns.ts'
import type { BatchPlan, Output } from './batch/message.ts'
import type { ModelDeps } from './deps.ts'
import type { LoadedModels } from './loaded-models.ts'
import { type PredictedRows, predictSeriesRows } from './predict-series-rows.ts'
import { getServing, refuseSeries } from './serve.ts'
import type { PredictRows } from './statements/model-read.ts'
import { quoteOfRows } from '../storage/quote.ts'

export interface PredictRowsDeps extends Pick<ModelDeps, 'db' | 'limits' | 'objects' | 'reading'> {
  readonly loaded: LoadedModels
}

/**
 * `SELECT t.*, m.target FROM (SELECT …) AS t JOIN model AS m`: rows stream out of the warehouse, each with its columns as
 * the engine writes them and with what the model asks for; what the model says is put behind each.
 */
export async function predictRows(
  deps: PredictRowsDeps,
  ctx: Context,
  read: PredictRows,
  format: string,
): Promise<PredictedRows> {
  if (format !== 'JSON' && format !== 'JSONEachRow' && format !== 'CSVWithNames') throw noFormat(format)
  const { name, version = 0 } = read.model
  const served = await getServing(deps, ctx, { name, version })
  if (served.version.engine === 'anomaly') return predictSeriesRows(deps, ctx, served, read, format)
  refuseSeries(served)
  const { from, outputs } = read
  const columns = await deps.reading.describeSql(ctx, from.sql)
  const { sha256 } = served.version
  const signature = await deps.loaded.signature(sha256)
  const { own, added } = chosenOf(columns, offeredBy(signature), outputs, name)
  const inputs = signature.inputs.map(({ name, type }) => expressionOf(inputOf(columns, name), type))
  const { body } = await deps.reading.readRows(ctx, {
    sql: from.sql,
    select: [writtenBy(format, own), ...inputs].join(', '),
    format: 'Native',
    maxRows: Infinity,
    seed: 0,
  })
  const plan: BatchPlan = {
    format,
    columns: answered(own, added),
    hasOwn: own.length > 0,
    added,
    maxBlockBytes: deps.limits.maxBlockBytes,
  }
  return { served, body: deps.loaded.batches.run(sha256, plan, body) }
}

/** What `m.…` can be. */
function offeredBy({ kind, target, labels }: Signature): readonly Added<Output>[] {
  const prediction = { name: target || 'segment', type: kind === Kind.REGRESSION ? 'Float64' : 'String' }
  const first: Added<Output> = { ...prediction, output: 'prediction' }
  if (kind === Kind.KMEANS) return [first, { name: 'distance', type: 'Float64', output: 'distance' }]
  if (kind !== Kind.CLASSIFICATION || labels.length === 0) return [first]
  return [first, { name: 'probability', type: 'Float64', output: 'probability' }]
}

/** As rows of JSON are read for one prediction: texts that are numbers are numbers, blank ones are missing. */
function expressionOf({ name, type }: Column, input: InputType): string {
  const column = quoteOfRows(name)
  const isString = /^(?:Nullable\(|LowCardinality\()*(?:String|FixedString)/.test(type)
  if (input === InputType.CATEGORY) return `toLowCardinality(ifNull(toString(${column}), ''))`
  if (input === InputType.TIME) {
    return `ifNull(toUnixTimestamp64Milli(toDateTime64(${column}, 3, 'UTC')), toInt64(-9223372036854775808))`
  }
  const number = isString ? `toFloat32OrNull(trimBoth(toString(${column})))` : `toFloat32(${column})`
  return `toFloat32(ifNull(${number}, nan))`
}

function noFormat(format: string): Failure {
  return new Failure('request.not_acceptable', `Predictions for many rows are not written as ${format}.`, {
    hint: 'Use FORMAT JSON, NDJSON or CSV.',
  })
}
