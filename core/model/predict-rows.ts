import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { InputType, Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { Context } from '../context.ts'
import type { BatchPlan, Output, RowsFormat } from './batch/message.ts'
import type { ModelDeps } from './deps.ts'
import type { LoadedModels } from './loaded-models.ts'
import { getServing, refuseSeries, type ServedVersion } from './serve.ts'
import type { PredictRows, RowsOutput } from './statements/model-read.ts'
import { quoteName } from '../storage/quote.ts'

export interface PredictRowsDeps extends Pick<ModelDeps, 'db' | 'limits' | 'reading'> {
  readonly loaded: LoadedModels
}

export interface PredictedRows {
  readonly served: ServedVersion
  readonly body: AsyncIterable<Uint8Array>
}

interface Column {
  readonly name: string
  readonly type: string
}

/** A column of the rows, and what it is called in the answer. */
interface Own extends Column {
  readonly as: string
}

/** What a model adds to a row. */
interface Added extends Column {
  readonly output: Output
}

/**
 * `SELECT t.*, m.target FROM (SELECT …) AS t JOIN model AS m`: rows stream out of the warehouse, each with its columns as
 * the engine writes them and with what the model asks for; what the model says is put behind each.
 */
export async function predictRows(
  deps: PredictRowsDeps,
  ctx: Context,
  { model: { name, version = 0 }, from, outputs }: PredictRows,
  format: string,
): Promise<PredictedRows> {
  if (format !== 'JSON' && format !== 'JSONEachRow' && format !== 'CSVWithNames') throw noFormat(format)
  const served = await getServing(deps, ctx, { name, version })
  refuseSeries(served)
  const columns = await deps.reading.describeSql(ctx, from.sql)
  const { sha256 } = served.version
  const { own, added, inputs } = planOf(await deps.loaded.signature(sha256), columns, outputs, name)
  const row = own.length === 0 ? `''` : writtenBy(format, own)
  const { body } = await deps.reading.readRows(ctx, {
    sql: from.sql,
    select: [row, ...inputs].join(', '),
    format: 'Native',
    maxRows: Infinity,
    seed: 0,
  })
  const plan: BatchPlan = {
    format,
    columns: [
      ...own.map(({ as, type }) => ({ name: as, type })),
      ...added.map(({ name: as, type }) => ({ name: as, type })),
    ],
    hasOwn: own.length > 0,
    added,
    maxBlockBytes: deps.limits.maxBlockBytes,
  }
  return { served, body: deps.loaded.batches.run(sha256, plan, body) }
}

interface Plan {
  readonly own: readonly Own[]
  readonly added: readonly Added[]
  /** The model's inputs as expressions over the rows. */
  readonly inputs: readonly string[]
}

function planOf(signature: Signature, columns: readonly Column[], outputs: readonly RowsOutput[], model: string): Plan {
  const known = new Map(columns.map((column) => [column.name, column]))
  const own: Own[] = []
  const added: Added[] = []
  for (const { of, column, as } of outputs) {
    if (of === 'rows' && column === undefined) own.push(...columns.map((one) => ({ ...one, as: one.name })))
    else if (of === 'rows') {
      const found = known.get(column!.name) ?? fail(noColumn(column!.name, known.keys(), 'The rows have'))
      own.push({ ...found, as: as?.name ?? found.name })
    } else {
      const offered = offeredBy(signature)
      const wanted = column === undefined ? offered : offered.filter((one) => one.name === column.name)
      if (wanted.length === 0)
        throw noColumn(
          column!.name,
          offered.map((one) => one.name),
          `\`${model}\` answers`,
        )
      added.push(...wanted.map((one) => ({ ...one, name: as?.name ?? one.name })))
    }
  }
  const inputs = signature.inputs.map(({ name, type }) => {
    const found = known.get(name)
    if (found === undefined)
      throw noColumn(name, known.keys(), 'The model asks for what the rows do not have: they have')
    return expressionOf(found, type)
  })
  return { own, added, inputs }
}

/** What `m.…` can be. */
function offeredBy({ kind, target, labels }: Signature): readonly Added[] {
  const prediction = { name: target || 'segment', type: kind === Kind.REGRESSION ? 'Float64' : 'String' }
  const first: Added = { ...prediction, output: 'prediction' }
  if (kind === Kind.KMEANS) return [first, { name: 'distance', type: 'Float64', output: 'distance' }]
  if (kind !== Kind.CLASSIFICATION || labels.length === 0) return [first]
  return [first, { name: 'probability', type: 'Float64', output: 'probability' }]
}

/** As rows of JSON are read for one prediction: texts that are numbers are numbers, blank ones are missing. */
function expressionOf({ name, type }: Column, input: InputType): string {
  const column = quoteName(name)
  const isString = /^(?:Nullable\(|LowCardinality\()*(?:String|FixedString)/.test(type)
  if (input === InputType.CATEGORY) return `toLowCardinality(ifNull(toString(${column}), ''))`
  if (input === InputType.TIME) {
    return `ifNull(toUnixTimestamp64Milli(toDateTime64(${column}, 3, 'UTC')), toInt64(-9223372036854775808))`
  }
  const number = isString ? `toFloat32OrNull(trimBoth(toString(${column})))` : `toFloat32(${column})`
  return `toFloat32(ifNull(${number}, nan))`
}

/** A row as the engine writes it. */
function writtenBy(format: RowsFormat, own: readonly Own[]): string {
  const columns = own.map(({ name, as }) => `${quoteName(name)} AS ${quoteName(as)}`).join(', ')
  return `formatRow('${format === 'CSVWithNames' ? 'CSV' : 'JSONEachRow'}', ${columns})`
}

function noColumn(name: string, known: Iterable<string>, who: string): Failure {
  const names = [...known]
  const near = closest(name, names)
  return new Failure('query.unknown_column', `There is no column \`${name.slice(0, 64)}\`.`, {
    hint: near === undefined ? `${who} ${names.slice(0, 50).join(', ')}.` : `Did you mean \`${near}\`?`,
  })
}

function noFormat(format: string): Failure {
  return new Failure('request.not_acceptable', `Predictions for many rows are not written as ${format}.`, {
    hint: 'Use FORMAT JSON, NDJSON or CSV.',
  })
}

function fail(failure: Failure): never {
  throw failure
}
