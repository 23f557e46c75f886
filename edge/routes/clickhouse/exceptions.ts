import { type Failure, type ProblemCode, problems } from '#mesh/errors.ts'

interface Exception {
  readonly number: number
  readonly name: string
}

/** What ClickHouse calls a problem, where the engine itself did not say. Any other is an UNKNOWN_EXCEPTION. */
const names: Readonly<Partial<Record<ProblemCode, readonly [number: number, name: string]>>> = {
  'auth.missing': [194, 'REQUIRED_PASSWORD'],
  'auth.invalid': [516, 'AUTHENTICATION_FAILED'],
  'auth.place': [516, 'AUTHENTICATION_FAILED'],
  'auth.scope': [497, 'ACCESS_DENIED'],
  'request.invalid': [36, 'BAD_ARGUMENTS'],
  'request.unknown_parameter': [115, 'UNKNOWN_SETTING'],
  'request.missing_parameter': [456, 'UNKNOWN_QUERY_PARAMETER'],
  'request.too_large': [349, 'QUERY_IS_TOO_LARGE'],
  'request.timeout': [209, 'SOCKET_TIMEOUT'],
  'request.unsupported_media_type': [36, 'BAD_ARGUMENTS'],
  'request.not_acceptable': [73, 'UNKNOWN_FORMAT'],
  'request.route': [36, 'BAD_ARGUMENTS'],
  'request.method': [48, 'NOT_IMPLEMENTED'],
  'request.cancelled': [394, 'QUERY_WAS_CANCELLED'],
  'limit.rate': [201, 'QUOTA_EXCEEDED'],
  'limit.cost': [201, 'QUOTA_EXCEEDED'],
  'limit.concurrency': [202, 'TOO_MANY_SIMULTANEOUS_QUERIES'],
  'limit.queue_full': [202, 'TOO_MANY_SIMULTANEOUS_QUERIES'],
  'limit.overload': [202, 'TOO_MANY_SIMULTANEOUS_QUERIES'],
  'limit.deadline': [159, 'TIMEOUT_EXCEEDED'],
  'query.syntax': [62, 'SYNTAX_ERROR'],
  'query.not_allowed': [164, 'READONLY'],
  'query.unknown_table': [60, 'UNKNOWN_TABLE'],
  'query.unknown_column': [47, 'UNKNOWN_IDENTIFIER'],
  'query.unknown_function': [46, 'UNKNOWN_FUNCTION'],
  'query.parameter': [457, 'BAD_QUERY_PARAMETER'],
  'query.failed': [36, 'BAD_ARGUMENTS'],
  'query.too_expensive': [158, 'TOO_MANY_ROWS'],
  'query.result_too_large': [396, 'TOO_MANY_ROWS_OR_BYTES'],
  'query.timeout': [159, 'TIMEOUT_EXCEEDED'],
  'core.unavailable': [210, 'NETWORK_ERROR'],
  'warehouse.restarted': [210, 'NETWORK_ERROR'],
}

/** As ClickHouse's own server answers its exceptions; what is not named has the status of the problem. */
const statuses: ReadonlyMap<number, number> = new Map([
  ...[6, 26, 27, 38, 41, 44, 53, 62, 72, 117, 167, 168, 321].map((number) => [number, 400] as const),
  ...[46, 47, 50, 60, 63, 73, 81, 115].map((number) => [number, 404] as const),
  [159, 408],
  [194, 401],
  [349, 413],
  [396, 500],
  [516, 401],
])

const defaultRetryAfterMs = 1_000

export function isClickHouse(path: string): boolean {
  return path === '/' || path === '/clickhouse' || path.startsWith('/clickhouse/')
}

/** What the core says ClickHouse calls it (core/query/clickhouse/failures.ts), else what it is called here. */
export function exceptionOf(failure: Failure): Exception {
  const said = failure.errors.find(({ pointer }) => pointer === 'clickhouse')?.reason
  const found = said === undefined ? null : /^(\d{1,4}) ([A-Z][A-Z0-9_]+)$/.exec(said)
  if (found !== null) return { number: Number(found[1]), name: found[2] ?? '' }
  const [number, name] = names[failure.problem] ?? [1002, 'UNKNOWN_EXCEPTION']
  return { number, name }
}

/** `Code: 60. DB::Exception: There is no stream `x`. (UNKNOWN_TABLE)`: clients take it apart. */
export function exceptionText(failure: Failure): string {
  const { number, name } = exceptionOf(failure)
  const place = failure.errors.find(({ line }) => line !== undefined)
  const at = place === undefined ? '' : ` (line ${place.line}, col ${place.column ?? 1})`
  // The problem's own hint is about the public API.
  const hint = failure.hint === problems[failure.problem].hint ? '' : ` ${failure.hint}`
  // The first word in capitals and parentheses is taken for the name.
  const said = `${failure.message}${at}${hint}`.replaceAll(/\(([A-Z0-9_]+)\)/g, '`$1`')
  return `Code: ${number}. DB::Exception: ${said} (${name})\n`
}

export function exceptionResponse(failure: Failure): Response {
  const { number } = exceptionOf(failure)
  const status = statuses.get(number) ?? failure.status
  const { retryAfterMs = status === 503 || status === 429 ? defaultRetryAfterMs : undefined } = failure
  return new Response(exceptionText(failure), {
    status,
    headers: {
      'content-type': 'text/plain; charset=UTF-8',
      'cache-control': 'no-store',
      'x-clickhouse-exception-code': String(number),
      ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
      ...(status === 401 && { 'www-authenticate': 'Basic realm="ClickHouse: the password is an API key"' }),
    },
  })
}
