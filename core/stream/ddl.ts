import { Failure } from '#mesh/errors.ts'
import type { Column, Schema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { quoteName } from '../storage/quote.ts'
import type { TableSql } from '../storage/warehouse.ts'

/** Columns that `SELECT *` does not show. */
export const hiddenSql = '`_partition` UInt16 MATERIALIZED 0, `_offset` UInt64 MATERIALIZED 0'

/** On a cluster: as the log has them, many in a row on each shard, so that few shards get a part of each insert. */
export const shardByPlace = '_partition + intDiv(_offset, 65536)'

/** A stream's table. Types have been checked; names and expressions are quoted or checked here. */
export function tableOf(workspace: string, stream: string, schema: Schema): TableSql {
  const orderBy = schema.orderBy.length > 0 ? schema.orderBy : schema.time === '' ? [] : [schema.time]
  return {
    database: workspace,
    table: stream,
    ifNotExists: true,
    columns: [...schema.columns.map(columnSql), hiddenSql].join(', '),
    engine: 'MergeTree',
    clauses: [...partitionSql(schema), `ORDER BY (${orderBy.map(quoteName).join(', ')})`, ...ttlSql(schema)].join(' '),
    settings: 'allow_nullable_key = 1',
    shardBy: shardByPlace,
  }
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
