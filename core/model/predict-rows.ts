import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { answersFrom } from '#mesh/inference/answers.ts'
import type { Model } from '#mesh/inference/model.ts'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { InputType, Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import type { LoadedModels } from './loaded-models.ts'
import { type Block, nativeBlocks, type NativeColumn } from './native.ts'
import { getServing, refuseSeries, type ServedVersion } from './serve.ts'
import type { PredictRows, RowsOutput } from './statements/model-read.ts'
import { quoteName } from '../storage/quote.ts'

export interface PredictRowsDeps extends Pick<ModelDeps, 'db' | 'limits' | 'reading'> {
  readonly loaded: LoadedModels
}

/** How rows are written: what stands before, between and after them. */
export type RowsFormat = 'JSON' | 'JSONEachRow' | 'CSVWithNames'

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
  readonly value: (answer: ReturnType<typeof answersFrom>[number]) => string | number
}

/** Rows in one call of the model: few enough that nobody else waits for it. */
const chunkRows = 2_048

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
  const plan = await deps.loaded.use(sha256, ({ signature }) => planOf(signature, columns, outputs, name))
  const row = plan.own.length === 0 ? `''` : writtenBy(format, plan.own)
  const { body } = await deps.reading.readRows(ctx, {
    sql: from.sql,
    select: [row, ...plan.inputs].join(', '),
    format: 'Native',
    maxRows: Infinity,
    seed: 0,
  })
  return { served, body: write(deps.loaded, sha256, plan, format, body) }
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
  const first: Added = { ...prediction, value: (answer) => answer.prediction }
  if (kind === Kind.KMEANS)
    return [first, { name: 'distance', type: 'Float64', value: (answer) => answer.distance ?? 0 }]
  if (kind !== Kind.CLASSIFICATION || labels.length === 0) return [first]
  return [first, { name: 'probability', type: 'Float64', value: (answer) => answer.probability ?? 0 }]
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

/** A row as the engine writes it, without what closes it. */
function writtenBy(format: RowsFormat, own: readonly Own[]): string {
  const columns = own.map(({ name, as }) => `${quoteName(name)} AS ${quoteName(as)}`).join(', ')
  return format === 'CSVWithNames'
    ? `trimRight(formatRow('CSV', ${columns}), '\\n')`
    : `trimRight(formatRow('JSONEachRow', ${columns}), '}\\n')`
}

async function* write(
  loaded: LoadedModels,
  sha256: string,
  { own, added }: Plan,
  format: RowsFormat,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const meta = [
    ...own.map(({ as: name, type }) => ({ name, type })),
    ...added.map(({ name, type }) => ({ name, type })),
  ]
  yield Buffer.from(headOf(format, meta))
  let rows = 0
  for await (const block of nativeBlocks(body)) {
    for (let from = 0; from < block.rows; from += chunkRows) {
      const to = Math.min(block.rows, from + chunkRows)
      const answers = await loaded.use(sha256, (model) => answer(model, block, from, to))
      yield Buffer.from(textOf(format, block, from, answers, added, own.length > 0, rows === 0))
      rows += to - from
      // Others of this process have their turn.
      await new Promise(setImmediate)
    }
  }
  yield Buffer.from(format === 'JSON' ? `\n\t],\n\n\t"rows": ${rows}\n}\n` : '')
}

function answer({ session, signature }: Model, { columns }: Block, from: number, to: number) {
  const feeds = signature.inputs.map(({ name }, at) => tensorOf(name, columns[at + 1]!, from, to))
  return answersFrom(session.run(feeds), signature)
}

function tensorOf(name: string, column: NativeColumn, from: number, to: number): Tensor {
  const dims = [to - from, 1]
  switch (column.kind) {
    case 'float':
      return { name, type: 'float', dims, data: column.values.subarray(from, to) }
    case 'int64':
      return { name, type: 'int64', dims, data: column.values.subarray(from, to) }
    case 'label':
      return {
        name,
        type: 'string',
        dims,
        data: Array.from(column.codes.subarray(from, to), (code) => column.labels[code]!),
      }
    default:
      return {
        name,
        type: 'string',
        dims,
        data: Array.from({ length: to - from }, (_, at) => textAt(column, from + at)),
      }
  }
}

function textAt({ bytes, ends }: Extract<NativeColumn, { kind: 'text' }>, row: number): string {
  return bytes.toString('utf8', row === 0 ? 0 : ends[row - 1], ends[row])
}

function headOf(format: RowsFormat, meta: readonly Column[]): string {
  switch (format) {
    case 'JSON':
      return `{\n\t"meta":\n\t${JSON.stringify(meta)},\n\n\t"data":\n\t[`
    case 'CSVWithNames':
      return `${meta.map(({ name }) => csvOf(name)).join(',')}\n`
    default:
      return ''
  }
}

function textOf(
  format: RowsFormat,
  { columns }: Block,
  from: number,
  answers: readonly Parameters<Added['value']>[0][],
  added: readonly Added[],
  hasOwn: boolean,
  isFirst: boolean,
): string {
  const rows = columns[0] as Extract<NativeColumn, { kind: 'text' }>
  const keys = added.map(({ name }) => `${JSON.stringify(name)}:`)
  let text = ''
  for (const [at, said] of answers.entries()) {
    const own = textAt(rows, from + at)
    if (format === 'CSVWithNames') {
      const cells = added.map(({ value }) => csvOf(value(said)))
      text += `${[...(hasOwn ? [own] : []), ...cells].join(',')}\n`
      continue
    }
    let line = hasOwn ? own : '{'
    for (const [column, { value }] of added.entries()) {
      line += `${column > 0 || hasOwn ? ',' : ''}${keys[column]}${JSON.stringify(value(said))}`
    }
    if (format === 'JSONEachRow') text += `${line}}\n`
    else text += `${isFirst && at === 0 ? '' : ','}\n\t\t${line}}`
  }
  return text
}

/** RFC 4180, as the engine writes it: texts in quotes, numbers bare. */
function csvOf(value: string | number): string {
  return typeof value === 'number' ? String(value) : `"${value.replaceAll('"', '""')}"`
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
