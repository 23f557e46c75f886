import { expect, test } from 'vitest'
import { clickHouseSettings } from '../../../../core/query/clickhouse/settings.ts'
import { defaultQueryLimits } from '../../../../core/query/index.ts'

const plain = clickHouseSettings({}, defaultQueryLimits)
const more = (given: Record<string, string>) => {
  const settings = clickHouseSettings(given, defaultQueryLimits)
  return Object.fromEntries(Object.entries(settings).filter(([name, value]) => plain[name] !== value))
}

test.each([
  [{ output_format_json_quote_64bit_integers: '1' }, { output_format_json_quote_64bit_integers: '1' }],
  [{ date_time_output_format: 'iso' }, { date_time_output_format: 'iso' }],
  [
    { join_use_nulls: '1', session_timezone: 'Europe/Berlin' },
    { join_use_nulls: '1', session_timezone: 'Europe/Berlin' },
  ],
  [
    { max_result_rows: '5', max_execution_time: '0.5' },
    { max_result_rows: 5, max_execution_time: 0.5 },
  ],
  // As much as there may be, or more, is what there may be.
  [{ max_result_rows: '0', max_execution_time: '9999' }, {}],
  [
    { max_result_rows: '5', result_overflow_mode: 'break' },
    { max_result_rows: 5, result_overflow_mode: 'break' },
  ],
  [{ result_overflow_mode: 'break' }, {}],
  [{ max_result_rows: '999999999', result_overflow_mode: 'break' }, {}],
  [{ session_id: 'x', wait_end_of_query: '1', readonly: '2', http_headers_progress_interval_ms: '1' }, {}],
  [{ input_format_json_read_bools_as_numbers: '1', async_insert: '1', allow_experimental_variant_type: '1' }, {}],
])('%j adds %j', (given, wanted) => expect(more(given as Record<string, string>)).toEqual(wanted))

test.each([
  'additional_table_filters',
  'additional_result_filter',
  'output_format_schema',
  'format_schema',
  'format_template_row',
  'transform_null_in',
  'final',
  'optimize_move_to_prewhere',
  'read_overflow_mode',
  'allow_introspection_functions',
  'max_parser_depth',
  'output_format_json_',
  'param_x',
  '__proto__',
])('%s is refused', (name) => {
  const given = Object.fromEntries([[name, '1']])
  expect(() => clickHouseSettings(given, defaultQueryLimits)).toThrow(
    expect.objectContaining({ problem: 'request.unknown_parameter' }),
  )
})

test('a value that is no bound, or is long, is refused and not repeated', () => {
  for (const given of [{ max_result_rows: 'x'.repeat(3) }, { format_csv_delimiter: 'x'.repeat(101) }]) {
    expect(() => clickHouseSettings(given as unknown as Record<string, string>, defaultQueryLimits)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('xxx') as string }),
    )
  }
})
