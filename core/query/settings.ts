import type { QueryLimits } from './limits.ts'

export interface ResultOptions {
  /** IANA name; UTC where absent. */
  readonly timezone: string
  readonly int64AsString: boolean
}

/** The settings of every query of a caller: bounds, and how values are written. All of them ours: a query has none. */
export function querySettings(
  limits: QueryLimits,
  deadline: number,
  { timezone, int64AsString }: ResultOptions,
): Readonly<Record<string, string | number>> {
  return {
    // A second line behind the gate.
    readonly: 1,
    allow_ddl: 0,
    allow_introspection_functions: 0,
    allow_experimental_analyzer: 1,
    max_parser_depth: 4 * limits.maxDepth + 100,
    max_ast_depth: 4 * limits.maxDepth + 100,
    max_ast_elements: limits.maxElements,
    max_expanded_ast_elements: 4 * limits.maxElements,
    max_query_size: 8 * limits.maxSqlBytes,
    max_execution_time: Math.max(0.001, Math.min(limits.maxSeconds, (deadline - Date.now()) / 1000)),
    timeout_overflow_mode: 'throw',
    max_rows_to_read: limits.maxRowsRead,
    max_bytes_to_read: limits.maxBytesRead,
    read_overflow_mode: 'throw',
    max_result_rows: limits.maxResultRows,
    max_result_bytes: limits.maxResultBytes,
    result_overflow_mode: 'throw',
    max_memory_usage: limits.maxMemoryBytes,
    // The newest state of rows that have several.
    final: 1,
    session_timezone: timezone === '' ? 'UTC' : timezone,
    date_time_output_format: 'iso',
    output_format_json_quote_64bit_integers: int64AsString ? 1 : 0,
    output_format_json_quote_decimals: 1,
    output_format_decimal_trailing_zeros: 1,
    output_format_json_quote_denormals: 0,
    output_format_json_escape_forward_slashes: 0,
    output_format_json_named_tuples_as_objects: 1,
    output_format_json_validate_utf8: 1,
    output_format_arrow_string_as_string: 1,
    output_format_parquet_string_as_string: 1,
    format_csv_null_representation: '',
    http_write_exception_in_output_format: 0,
  }
}
