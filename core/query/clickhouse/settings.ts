import { Failure } from '#mesh/errors.ts'
import type { QueryLimits } from '../limits.ts'

type Settings = Readonly<Record<string, string | number>>

/** How ClickHouse writes values where nobody says otherwise; ours are those of the public API. */
const plain: Settings = {
  date_time_output_format: 'simple',
  output_format_decimal_trailing_zeros: 0,
  output_format_json_escape_forward_slashes: 1,
  output_format_json_quote_decimals: 0,
  format_csv_null_representation: '\\N',
}

/** They change how values are written and nothing else. `output_format_schema` names a file, so it is none of them. */
const writing =
  /^(?:output_format_(?:json|tsv|csv|pretty|parquet|arrow|orc|msgpack|bson|native|binary|markdown|values|xml)_\w{1,60}|format_(?:csv|tsv)_(?:delimiter|null_representation)|bool_(?:true|false)_representation|interval_output_format|date_time_output_format|output_format_(?:decimal_trailing_zeros|write_statistics|enable_streaming|trim_fixed_string))$/

/** Of a query, and of no row filter: a filter looks at one table alone. */
const meaning = new Set(['join_use_nulls', 'group_by_use_nulls', 'session_timezone', 'extremes'])

/** What may be asked for less of than there is. */
const bounds = {
  max_result_rows: 'maxResultRows',
  max_result_bytes: 'maxResultBytes',
  max_rows_to_read: 'maxRowsRead',
  max_bytes_to_read: 'maxBytesRead',
  max_memory_usage: 'maxMemoryBytes',
  max_execution_time: 'maxSeconds',
} as const satisfies Readonly<Record<string, keyof QueryLimits>>

/** What clients send of themselves, about writing, connections or sessions: nothing here depends on it. */
const without =
  /^(?:session_id|session_timeout|session_check|role|quota_key|readonly|log_queries|log_comment|buffer_size|wait_end_of_query|client_protocol_version|cancel_http_readonly_queries_on_client_close|date_time_input_format|max_block_size|max_threads|use_client_time_zone|add_http_cors_header|(?:connect|receive|send)_timeout|send_progress_in_http_headers|enable_http_compression|decompress|(?:http|input_format|insert|async_insert|wait_for_async_insert|allow_experimental|allow_suspicious)_?\w{0,60})$/

const maxValueLength = 100

/** The settings of a request that are obeyed, for after ours. Whatever could change what is answered and is not known is refused. */
export function clickHouseSettings(given: Readonly<Record<string, string>>, limits: QueryLimits): Settings {
  const settings: Record<string, string | number> = { ...plain }
  for (const [name, value] of Object.entries(given)) {
    if (without.test(name)) continue
    if (value.length > maxValueLength) throw unusable(name, `is longer than ${maxValueLength} characters`)
    if (writing.test(name) || meaning.has(name)) settings[name] = value
    else if (isBound(name)) {
      const least = Math.min(limits[bounds[name]], wanted(name, value))
      if (least < limits[bounds[name]]) settings[name] = least
    } else if (name === 'result_overflow_mode') {
      if (value !== 'break' && value !== 'throw') throw unusable(name, 'is neither `throw` nor `break`')
      // What is cut off at a bound of ours would not be seen; at one that was asked for it is meant.
      if (value === 'break' && isLess(given['max_result_rows'], limits)) settings[name] = value
    } else throw unusable(name, 'is not taken here')
  }
  return settings
}

/** By name, with the values that hold where nothing is set: for `system.settings`. */
export function settingValues(limits: QueryLimits): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, String(value)])),
    ...Object.fromEntries(Object.entries(bounds).map(([name, limit]) => [name, String(limits[limit])])),
    ...Object.fromEntries([...meaning].map((name) => [name, name === 'session_timezone' ? 'UTC' : '0'])),
    output_format_json_quote_64bit_integers: '0',
    result_overflow_mode: 'throw',
    enable_http_compression: '0',
    wait_end_of_query: '0',
    final: '1',
  }
}

function isBound(name: string): name is keyof typeof bounds {
  return Object.hasOwn(bounds, name)
}

/** 0 is as much as there may be. */
function wanted(name: string, value: string): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(number) || number < 0) throw unusable(name, 'is not a number')
  return number === 0 ? Infinity : number
}

function isLess(rows: string | undefined, limits: QueryLimits): boolean {
  return rows !== undefined && wanted('max_result_rows', rows) <= limits.maxResultRows
}

function unusable(name: string, reason: string): Failure {
  return new Failure('request.unknown_parameter', `The setting \`${name.slice(0, 80)}\` ${reason}.`, {
    hint: 'Leave it out. `SELECT name FROM system.settings` lists those that are taken, beside how formats write values.',
    errors: [{ pointer: name.slice(0, 80), reason }],
  })
}
