import { Failure, type Violation } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { columnNameProblem, columnType } from './columns.ts'
import type { Column, Definition, OnUnknown } from './definition.ts'
import type { IngestLimits } from './limits.ts'
import { parsePartitionKey, parseTtl, partitionFunctions } from './partition.ts'
import { type JsonSchema, readJsonSchema } from './json-schema.ts'
import { parseType } from './parse-type.ts'
import type { ColumnType } from './types.ts'

/** Without `pii` it stays what it is. */
export type DeclaredColumn = Omit<Column, 'pii'> & { readonly pii?: boolean | undefined }

/** A schema as a client declares it: empty means the default. */
export interface Declaration {
  readonly columns: readonly DeclaredColumn[]
  readonly orderBy: readonly string[]
  readonly partitionBy: string
  readonly ttl: string
  readonly id: string
  readonly time: string
  readonly onUnknown: OnUnknown | ''
  readonly jsonSchema: string
}

/** What the declaration means, every text in it canonical. Throws `stream.schema` with each place that does not hold. */
export function defineStream(declared: Declaration, limits: IngestLimits): Definition {
  const errors: Violation[] = []
  const schema = readSchema(declared, limits, errors)
  const columns = readColumns(declared.columns.length > 0 ? declared.columns : (schema?.columns ?? []), limits, errors)
  const types = new Map(columns.map(({ name, type }) => [name, parseType(type)]))
  const column = (name: string, pointer: string): ColumnType | undefined => {
    const type = types.get(name)
    if (type === undefined) {
      const near = closest(name, types.keys())
      const hint = near === undefined ? '' : `; did you mean \`${near}\`?`
      errors.push({ pointer, reason: `\`${name.slice(0, 60)}\` is not one of the columns${hint}` })
    }
    return type
  }
  const time = declared.time === '' ? defaultTime(columns) : declared.time
  const timeType = time === '' ? undefined : column(time, '/time')
  if (timeType !== undefined && !isTime(timeType)) {
    errors.push({ pointer: '/time', reason: 'must be a Date, Date32, DateTime or DateTime64 that is not Nullable' })
  }
  if (declared.id !== '') {
    const type = column(declared.id, '/id')
    if (type !== undefined && !isIdentity(type)) {
      errors.push({
        pointer: '/id',
        reason: 'must be a String, FixedString, UUID or whole number that is not Nullable',
      })
    }
  }
  for (const [i, name] of declared.orderBy.entries()) {
    const type = column(name, `/order_by/${i}`)
    if (type !== undefined && !isOrderable(type)) {
      errors.push({
        pointer: `/order_by/${i}`,
        reason: 'rows cannot be ordered by a column that is Nullable, a Map, an Array or JSON',
      })
    }
  }
  if (new Set(declared.orderBy).size < declared.orderBy.length)
    errors.push({ pointer: '/order_by', reason: 'names a column twice' })
  const orderBy =
    declared.orderBy.length > 0 ? declared.orderBy : [time === '' ? declared.id : time].filter((name) => name !== '')
  const partition = declared.partitionBy === '' ? undefined : parsePartitionKey(declared.partitionBy)
  const partitionType = partition && types.get(partition.column)
  const isCall = partition !== undefined && partition.key !== partition.column
  if (
    declared.partitionBy !== '' &&
    !(partitionType && (isCall ? isTime(partitionType) : isOrderable(partitionType)))
  ) {
    const reason = `must be a column that is not Nullable, or one of ${partitionFunctions.join(', ')} of a time column`
    errors.push({ pointer: '/partition_by', reason })
  }
  const ttl = declared.ttl === '' ? '' : parseTtl(declared.ttl)
  if (ttl === undefined) errors.push({ pointer: '/ttl', reason: 'must be a number and a unit, as `90 DAY`' })
  else if (ttl !== '' && time === '') errors.push({ pointer: '/ttl', reason: 'needs a time column' })
  if (errors.length > 0) throw new Failure('stream.schema', 'The stream cannot be declared as described.', { errors })
  return {
    columns,
    orderBy,
    partitionBy: partition?.key ?? '',
    ttl: ttl ?? '',
    id: declared.id,
    time,
    onUnknown: declared.onUnknown === '' ? (schema?.closed === true ? 'quarantine' : 'add') : declared.onUnknown,
    jsonSchema: declared.jsonSchema,
  }
}

function readSchema(declared: Declaration, limits: IngestLimits, errors: Violation[]): JsonSchema | undefined {
  const { jsonSchema } = declared
  if (jsonSchema === '') return undefined
  if (jsonSchema.length > limits.maxJsonSchemaLength) {
    errors.push({ pointer: '/json_schema', reason: `must be at most ${limits.maxJsonSchemaLength} characters` })
    return undefined
  }
  return readJsonSchema(jsonSchema, limits.flattenDepth, errors)
}

function readColumns(declared: readonly DeclaredColumn[], limits: IngestLimits, errors: Violation[]): Column[] {
  if (declared.length === 0 && errors.length === 0) {
    errors.push({ pointer: '/columns', reason: 'must name at least one column' })
  }
  if (declared.length > limits.maxColumns) {
    errors.push({ pointer: '/columns', reason: `must be at most ${limits.maxColumns}` })
    return []
  }
  const columns: Column[] = []
  const names = new Set<string>()
  for (const [i, { name, type, pii = false }] of declared.entries()) {
    const nameProblem = names.has(name) ? 'is there twice' : columnNameProblem(name, limits.maxColumnNameBytes)
    if (nameProblem !== undefined) {
      errors.push({ pointer: `/columns/${i}/name`, reason: nameProblem })
      continue
    }
    names.add(name)
    const read = columnType(name, type)
    if ('reason' in read) errors.push({ pointer: `/columns/${i}/type`, reason: read.reason })
    else columns.push({ name, type: read.type, pii })
  }
  return columns
}

function defaultTime(columns: readonly Column[]): string {
  return (
    columns.find(({ type }) => type.startsWith('DateTime'))?.name ??
    columns.find(({ type }) => type.startsWith('Date'))?.name ??
    ''
  )
}

function isTime({ kind }: ColumnType): boolean {
  return kind === 'Date' || kind === 'Date32' || kind === 'DateTime' || kind === 'DateTime64'
}

function isIdentity(type: ColumnType): boolean {
  if (type.kind === 'LowCardinality') return isIdentity(type.of)
  return ['String', 'FixedString', 'UUID', 'Integer'].includes(type.kind)
}

function isOrderable(type: ColumnType): boolean {
  if (type.kind === 'LowCardinality') return isOrderable(type.of)
  return !['Nullable', 'Array', 'Map', 'JSON'].includes(type.kind)
}
