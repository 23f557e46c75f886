import { Failure } from '#mesh/errors.ts'
import type { Column, Schema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { quoteName } from '../storage/quote.ts'

/** Columns that `SELECT *` does not show. */
export const hiddenSql = '`_partition` UInt16 MATERIALIZED 0, `_offset` UInt64 MATERIALIZED 0'

/**
 * Tokens of the last inserts are remembered, for longer than a process that has lost a partition while it slept can have
 * an insert under way; and a part is on the disk before its insert is answered: once the sink has committed, nothing else
 * has the rows for long.
 */
export const tableSettings =
  'SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1'

/** The statement that makes a stream's table. Types have been checked; names and expressions are quoted or checked here. */
export function createTableSql(workspace: string, stream: string, schema: Schema): string {
  const columns = [...schema.columns.map(columnSql), hiddenSql]
  const orderBy = schema.orderBy.length > 0 ? schema.orderBy : schema.time === '' ? [] : [schema.time]
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteName(workspace)}.${quoteName(stream)} (${columns.join(', ')})`,
    'ENGINE = MergeTree',
    ...partitionSql(schema),
    `ORDER BY (${orderBy.map(quoteName).join(', ')})`,
    ...ttlSql(schema),
    `${tableSettings}, allow_nullable_key = 1`,
  ].join(' ')
}

export function columnSql({ name, type }: Pick<Column, 'name' | 'type'>): string {
  return `${quoteName(name)} ${type}`
}

const partitionFunctions = ['toYYYYMM', 'toYYYYMMDD', 'toYear', 'toStartOfMonth', 'toStartOfWeek', 'toMonday', 'toDate']

/** By month of the time column unless said otherwise; otherwise a column, or one of a few functions of one. */
function partitionSql(schema: Schema): string[] {
  const text = schema.partitionBy.trim()
  if (text === '') return schema.time === '' ? [] : [`PARTITION BY toYYYYMM(${quoteName(schema.time)})`]
  const names = new Set(schema.columns.map((column) => column.name))
  if (names.has(text)) return [`PARTITION BY ${quoteName(text)}`]
  const match = /^(\w+)\((.+)\)$/.exec(text)
  const [, call = '', argument = ''] = match ?? []
  if (partitionFunctions.includes(call) && names.has(argument)) return [`PARTITION BY ${call}(${quoteName(argument)})`]
  throw new Failure('stream.schema', 'partition_by is neither a column nor a known function of one.', {
    hint: `Write a column, or one of ${partitionFunctions.join(', ')} of a column, such as toYYYYMM(time).`,
    errors: [{ pointer: '/partition_by', reason: 'is not understood' }],
  })
}

function ttlSql(schema: Schema): string[] {
  if (schema.ttl === '') return []
  const match = /^(\d{1,6}) (SECOND|MINUTE|HOUR|DAY|WEEK|MONTH|YEAR)S?$/i.exec(schema.ttl.trim())
  if (match === null || schema.time === '') {
    const reason = match === null ? 'must be such as `90 DAY`' : 'needs a time column'
    throw new Failure('stream.schema', `ttl ${reason}.`, { errors: [{ pointer: '/ttl', reason }] })
  }
  return [`TTL toDateTime(${quoteName(schema.time)}) + INTERVAL ${match[1]} ${match[2]?.toUpperCase()}`]
}
