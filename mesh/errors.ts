/**
 * The one vocabulary of failure, from store to browser. A failure has one of the 16 gRPC codes, which decides how
 * software reacts to it, and one of the problems below, which tells a person what it is and what to do.
 * https://grpc.io/docs/guides/status-codes/ · RFC 9457
 */
export const codes = {
  cancelled: { grpc: 1, http: 499, retryable: false },
  unknown: { grpc: 2, http: 500, retryable: false },
  invalid_argument: { grpc: 3, http: 400, retryable: false },
  deadline_exceeded: { grpc: 4, http: 504, retryable: true },
  not_found: { grpc: 5, http: 404, retryable: false },
  already_exists: { grpc: 6, http: 409, retryable: false },
  permission_denied: { grpc: 7, http: 403, retryable: false },
  resource_exhausted: { grpc: 8, http: 429, retryable: true },
  failed_precondition: { grpc: 9, http: 412, retryable: false },
  aborted: { grpc: 10, http: 409, retryable: true },
  out_of_range: { grpc: 11, http: 400, retryable: false },
  unimplemented: { grpc: 12, http: 501, retryable: false },
  internal: { grpc: 13, http: 500, retryable: false },
  unavailable: { grpc: 14, http: 503, retryable: true },
  data_loss: { grpc: 15, http: 500, retryable: false },
  unauthenticated: { grpc: 16, http: 401, retryable: false },
} as const

export type Code = keyof typeof codes

interface ProblemKind {
  readonly code: Code
  readonly title: string
  /** The way out, in general; a failure may carry a better one of its own. */
  readonly hint: string
  /** Where HTTP has a more exact status than the code's. */
  readonly http?: number
}

/** Every problem there is, by its stable code. `/problems/{code}` and the README's table are made from this. */
export const problems = {
  'auth.missing': {
    code: 'unauthenticated',
    title: 'No credential',
    hint: 'Send `Authorization: Bearer <key>` or `X-API-Key: <key>`.',
  },
  'auth.invalid': {
    code: 'unauthenticated',
    title: 'Not a valid credential',
    hint: 'Check that the whole key was copied, and that it was not revoked and has not expired.',
  },
  'auth.scope': {
    code: 'permission_denied',
    title: 'The credential lacks a scope',
    hint: 'Use a key that has the scope, or ask whoever made this one for another.',
  },
  'auth.bound_parameter': {
    code: 'permission_denied',
    title: 'This parameter is bound by the key',
    hint: 'Leave the parameter out: the key supplies it.',
  },
  'auth.place': {
    code: 'permission_denied',
    title: 'The credential may not be used from here',
    hint: 'Use it from the networks and origins that it was made for, or ask whoever made it for another.',
  },
  'auth.code': {
    code: 'unauthenticated',
    title: 'A one-time code is needed',
    hint: 'Send the code that the authenticator app shows now, as `code`.',
  },
  'auth.csrf': {
    code: 'permission_denied',
    title: 'The request may not be the person’s own',
    hint: 'Send the csrf_token of GET /v1/sessions/current in X-CSRF-Token, from a page of this gateway.',
  },
  'auth.grant': {
    code: 'invalid_argument',
    title: 'The grant does not hold',
    hint: 'Sign in again, or ask with a key.',
  },
  'request.invalid': {
    code: 'invalid_argument',
    title: 'The request is not well formed',
    hint: 'See `errors` for the place.',
  },
  'request.unknown_parameter': {
    code: 'invalid_argument',
    title: 'Unknown parameter',
    hint: 'See the parameters of this operation at /docs.',
  },
  'request.missing_parameter': {
    code: 'invalid_argument',
    title: 'A parameter is missing',
    hint: 'Add the parameter named in `errors`.',
  },
  'request.too_large': {
    code: 'invalid_argument',
    title: 'The request is too large',
    hint: 'Send it in smaller parts.',
    http: 413,
  },
  'request.timeout': {
    code: 'deadline_exceeded',
    title: 'The request came too slowly',
    hint: 'Send it in smaller parts, or over a faster network.',
    http: 408,
  },
  'request.unsupported_media_type': {
    code: 'invalid_argument',
    title: 'Unsupported media type',
    hint: 'Send application/json, application/x-ndjson or text/csv, plain or gzip.',
    http: 415,
  },
  'request.not_acceptable': {
    code: 'invalid_argument',
    title: 'No such representation',
    hint: 'Ask for json, ndjson, csv, parquet or arrow.',
    http: 406,
  },
  'request.precondition': {
    code: 'failed_precondition',
    title: 'It changed in the meantime',
    hint: 'Read it again and repeat the change with the new ETag.',
  },
  'request.idempotency_conflict': {
    code: 'already_exists',
    title: 'This Idempotency-Key was used with another request',
    hint: 'Use a new key for a new request.',
  },
  'request.route': { code: 'not_found', title: 'No such route', hint: 'See /docs for what there is.' },
  'request.method': {
    code: 'unimplemented',
    title: 'The route does not have this method',
    hint: 'See /docs for what there is.',
    http: 405,
  },
  'request.cancelled': { code: 'cancelled', title: 'The caller went away', hint: 'Nothing to do.' },
  'request.aborted': { code: 'aborted', title: 'It collided with another change', hint: 'Retry.' },
  'limit.rate': { code: 'resource_exhausted', title: 'Rate limit exceeded', hint: 'Wait for the time in Retry-After.' },
  'limit.cost': {
    code: 'resource_exhausted',
    title: 'The plan is used up',
    hint: 'Wait for the time in Retry-After, read less by narrowing the query, or use a key with a larger plan.',
  },
  'limit.concurrency': {
    code: 'resource_exhausted',
    title: 'Too many at once',
    hint: 'Retry with fewer requests in flight.',
  },
  'limit.disk_full': {
    code: 'unavailable',
    title: 'The disk is full',
    hint: 'Nothing was written. Retry once the operator has made room.',
  },
  'limit.queue_full': { code: 'unavailable', title: 'The queue is full', hint: 'Retry after the time in Retry-After.' },
  'limit.overload': {
    code: 'unavailable',
    title: 'There is too much to do',
    hint: 'Retry after the time in Retry-After, and then with fewer requests in flight.',
  },
  'limit.response': {
    code: 'out_of_range',
    title: 'The answer is too large',
    hint: 'Ask for less at a time.',
    http: 422,
  },
  'limit.deadline': { code: 'deadline_exceeded', title: 'It took too long', hint: 'Ask for less, or allow more time.' },
  'resource.not_found': { code: 'not_found', title: 'Not found', hint: 'Check the name.' },
  'resource.exists': { code: 'already_exists', title: 'It exists already', hint: 'Choose another name.' },
  'resource.in_use': {
    code: 'failed_precondition',
    title: 'It is in use',
    hint: 'First remove what uses it.',
    http: 409,
  },
  'model.not_found': {
    code: 'not_found',
    title: 'No such model',
    hint: 'SHOW MODELS lists them. A model that is being trained for the first time predicts once it is done.',
  },

  'model.failed': {
    code: 'internal',
    title: 'The training failed',
    hint: 'RETRAIN tries it again; DESCRIBE MODEL … .jobs says how each training went.',
  },
  'model.unavailable': {
    code: 'unavailable',
    title: 'The model cannot predict now',
    hint: 'Retry after the time in Retry-After.',
  },
  'stream.not_found': {
    code: 'not_found',
    title: 'No such stream',
    hint: 'Create it with PUT /v1/streams/{name}, or use a key with the scope streams:create.',
  },
  'stream.schema': {
    code: 'invalid_argument',
    title: 'The schema does not hold',
    hint: 'See `errors` for the column.',
  },
  'stream.rejected': {
    code: 'invalid_argument',
    title: 'The batch was refused as a whole',
    hint: 'Mend the rows in `errors`, or send without strict.',
    http: 422,
  },
  'query.syntax': {
    code: 'invalid_argument',
    title: 'The SQL cannot be parsed',
    hint: 'See `errors` for the line and column.',
  },
  'query.not_allowed': {
    code: 'permission_denied',
    title: 'This SQL is not allowed here',
    hint: 'Read from the streams of your workspace with plain SELECTs.',
    http: 403,
  },
  'query.unknown_table': {
    code: 'not_found',
    title: 'No such stream',
    hint: 'GET /v1/streams lists what there is.',
    http: 400,
  },
  'query.unknown_column': {
    code: 'invalid_argument',
    title: 'No such column',
    hint: 'GET /v1/streams/{name} lists the columns.',
  },
  'query.unknown_function': {
    code: 'invalid_argument',
    title: 'No such function',
    hint: 'See ClickHouse’s list of functions.',
  },
  'query.parameter': {
    code: 'invalid_argument',
    title: 'A parameter does not fit',
    hint: 'See `errors` for the parameter and its type.',
  },
  'query.failed': {
    code: 'invalid_argument',
    title: 'The query failed',
    hint: 'Read the message; it is the warehouse’s own.',
  },
  'query.too_expensive': {
    code: 'invalid_argument',
    title: 'The query reads or holds too much',
    hint: 'Narrow it by time, select fewer columns, or aggregate.',
    http: 422,
  },
  'query.result_too_large': {
    code: 'invalid_argument',
    title: 'The result is too large',
    hint: 'Add a LIMIT, or aggregate.',
    http: 422,
  },
  'query.timeout': {
    code: 'deadline_exceeded',
    title: 'The query took too long',
    hint: 'Narrow it by time, or allow more with timeout_ms.',
  },
  'model.no_rows': {
    code: 'invalid_argument',
    title: 'There are no rows to learn from',
    hint: 'Run the SELECT by itself, and widen it until it answers rows that have a target.',
    http: 422,
  },
  'model.target_missing': {
    code: 'invalid_argument',
    title: 'The rows do not have the target',
    hint: 'PREDICT a column that the SELECT answers.',
    http: 422,
  },
  'model.one_class': {
    code: 'invalid_argument',
    title: 'The target has one value only',
    hint: 'Select rows of every outcome, also of those that did not happen.',
    http: 422,
  },
  'model.too_many_classes': {
    code: 'invalid_argument',
    title: 'The target has too many classes',
    hint: 'Group its values in the SELECT, or predict a number.',
    http: 422,
  },
  'model.no_features': {
    code: 'invalid_argument',
    title: 'No column is left to predict from',
    hint: 'Select columns that vary, and that are known before the target is.',
    http: 422,
  },
  'core.unavailable': {
    code: 'unavailable',
    title: 'The core does not answer',
    hint: 'Retry; if it lasts, see /health/ready.',
  },
  'upstream.unavailable': {
    code: 'unavailable',
    title: 'The service behind the route does not answer',
    hint: 'Retry; if it lasts, ask whoever runs that service.',
  },
  'upstream.failed': {
    code: 'unavailable',
    title: 'The service behind the route could not be reached',
    hint: 'Retry; if it lasts, check the upstream of the route.',
    http: 502,
  },
  'upstream.timeout': {
    code: 'deadline_exceeded',
    title: 'The service behind the route took too long',
    hint: 'Retry, or allow more with timeout_ms of the route.',
  },
  'log.unavailable': {
    code: 'unavailable',
    title: 'The event log does not answer',
    hint: 'Retry after the time in Retry-After; if it lasts, look at Kafka.',
  },
  'objects.unavailable': {
    code: 'unavailable',
    title: 'The object store does not answer',
    hint: 'Retry after the time in Retry-After; if it lasts, look at the bucket of OBJECTS_URL.',
  },
  'redis.refused': {
    code: 'invalid_argument',
    title: 'The command was refused',
    hint: 'Read `error`; it is what a Redis says.',
  },
  'redis.unavailable': {
    code: 'unavailable',
    title: 'Redis does not answer',
    hint: 'Retry after the time in Retry-After; if it lasts, look at the server of REDIS_URL.',
  },
  'warehouse.restarted': { code: 'unavailable', title: 'The warehouse was restarted', hint: 'Retry.' },
  'internal.error': {
    code: 'internal',
    title: 'Something broke',
    hint: 'Quote the request id to whoever runs this installation.',
  },
  'internal.unimplemented': { code: 'unimplemented', title: 'Not offered', hint: 'See /docs for what there is.' },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof problems

/** What an audit log keeps of those that were refused. A name that is not there may be one of another workspace. */
export const refusals: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'auth.scope',
  'auth.bound_parameter',
  'query.not_allowed',
  'resource.not_found',
  'stream.not_found',
  'limit.rate',
  'limit.concurrency',
])

/** One place of a request that is wrong. */
export interface Violation {
  /** JSON pointer (RFC 6901), or the name of a parameter or header. */
  readonly pointer?: string
  /** For SQL: from 1. */
  readonly line?: number
  /** For SQL: in characters, from 1. */
  readonly column?: number
  readonly reason: string
}

export interface FailureOptions {
  readonly hint?: string
  readonly errors?: readonly Violation[]
  readonly retryAfterMs?: number
  /** Another service said so, and has done with it what there is to do. */
  readonly remote?: boolean
  /** For the log only; never shown. */
  readonly cause?: unknown
}

/** An expected way for a call to fail. Anything else that is thrown is a bug and is answered as `internal.error`. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly problem: ProblemCode
  readonly hint: string
  readonly errors: readonly Violation[]
  readonly retryAfterMs: number | undefined
  readonly remote: boolean

  constructor(problem: ProblemCode, detail: string, options: FailureOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.problem = problem
    this.hint = options.hint ?? problems[problem].hint
    this.errors = options.errors ?? []
    this.retryAfterMs = options.retryAfterMs
    this.remote = options.remote ?? false
  }

  get code(): Code {
    return problems[this.problem].code
  }

  /** The HTTP status that stands for it. */
  get status(): number {
    const kind: ProblemKind = problems[this.problem]
    return kind.http ?? codes[kind.code].http
  }

  get retryable(): boolean {
    return codes[this.code].retryable
  }
}

/** What to answer for whatever was thrown: a failure as it is, even in a library's wrapping; a bug opaquely as the cause. */
export function toFailure(thrown: unknown): Failure {
  for (let at = thrown; at instanceof Error; at = at.cause) if (at instanceof Failure) return at
  return new Failure('internal.error', 'An unexpected error occurred.', { cause: thrown })
}
