import { quoteName, quoteText } from '../quote.ts'

/**
 * The query string of a request, as ClickHouse's HTTP interface reads it: a few names are the protocol's, `param_*` are
 * the query's parameters, everything else is a setting.
 */
export interface QueryOptions {
  /** A statement whose data is the body: an insert. */
  readonly statement: string | undefined
  readonly queryId: string | undefined
  readonly database: string | undefined
  readonly format: string
  /** Settings and parameters, by the names that SET takes. */
  readonly settings: ReadonlyMap<string, string>
  /** Milliseconds of the whole request, from `max_execution_time`. */
  readonly timeoutMs: number | undefined
}

export class BadOption extends Error {
  override readonly name = 'BadOption'
}

/** Settings of ClickHouse's HTTP server, which the engine does not know. The client sends some of them unasked. */
const serverOnly = new Set([
  'wait_end_of_query',
  'send_progress_in_http_headers',
  'enable_http_compression',
  'http_zlib_compression_level',
  'http_response_buffer_size',
  'http_headers_progress_interval_ms',
  'http_write_exception_in_output_format',
  'buffer_size',
  'default_format',
  'database',
  'query',
  'query_id',
])

export function parseQueryOptions(search: URLSearchParams): QueryOptions {
  const settings = new Map<string, string>()
  for (const [name, value] of search) {
    if (serverOnly.has(name)) continue
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) throw new BadOption('The name of a setting is not an identifier.')
    settings.set(name, value)
  }
  const format = search.get('default_format') ?? 'TabSeparated'
  if (!/^[A-Za-z0-9]{1,64}$/.test(format)) throw new BadOption('default_format is not the name of a format.')
  const seconds = Number(settings.get('max_execution_time') ?? 0)
  if (!(seconds >= 0)) throw new BadOption('max_execution_time is not a number of seconds.')
  return {
    statement: search.get('query') ?? undefined,
    queryId: search.get('query_id') ?? undefined,
    database: search.get('database') ?? undefined,
    format,
    settings,
    timeoutMs: seconds > 0 ? seconds * 1000 : undefined,
  }
}

/** One text for all of them. `readonly` comes last, because nothing can be set after it. */
export function setStatement(settings: ReadonlyMap<string, string>, database: string | undefined): string {
  const entries = [...settings].filter(([name]) => name !== 'readonly')
  const readonly = settings.get('readonly')
  if (readonly !== undefined) entries.push(['readonly', readonly])
  const set = `SET ${entries.map(([name, value]) => `${name} = ${quoteText(value)}`).join(', ')}`
  return database === undefined ? set : `USE ${quoteName(database)}; ${set}`
}
