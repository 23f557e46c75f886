import { Failure } from '#mesh/errors.ts'
import { Format } from '#proto/edgewise/query/v1/query_pb.ts'

export interface ResultFormat {
  /** ClickHouse's name. */
  readonly engine: string
  readonly contentType: string
}

const json = { engine: 'JSON', contentType: 'application/json' }
const ndjson = { engine: 'JSONEachRow', contentType: 'application/x-ndjson' }
const csv = { engine: 'CSVWithNames', contentType: 'text/csv; charset=utf-8; header=present' }
const parquet = { engine: 'Parquet', contentType: 'application/vnd.apache.parquet' }
const arrow = { engine: 'ArrowStream', contentType: 'application/vnd.apache.arrow.stream' }

const byNumber: Readonly<Record<Format, ResultFormat>> = {
  [Format.UNSPECIFIED]: json,
  [Format.JSON]: json,
  [Format.NDJSON]: ndjson,
  [Format.CSV]: csv,
  [Format.PARQUET]: parquet,
  [Format.ARROW]: arrow,
}

const byName: Readonly<Record<string, ResultFormat>> = {
  json,
  jsoneachrow: ndjson,
  jsonlines: ndjson,
  ndjson,
  csv,
  csvwithnames: csv,
  parquet,
  arrow,
  arrowstream: arrow,
}

/** A trailing FORMAT counts before the request's. */
export function formatOf(trailing: string | undefined, requested: Format): ResultFormat {
  if (trailing === undefined) return byNumber[requested] ?? json
  const format = byName[trailing.toLowerCase()]
  if (format !== undefined) return format
  throw new Failure('request.not_acceptable', `There is no format \`${trailing.slice(0, 40)}\` here.`, {
    hint: 'Use FORMAT JSON, NDJSON, CSV, Parquet or Arrow.',
  })
}
