import { Failure, type ProblemCode } from '#mesh/errors.ts'
import { WarehouseError } from '../storage/warehouse.ts'
import { closest } from './closest.ts'

/** What is known of a query when it fails. */
export interface FailedQuery {
  /** The workspace: its name stands before tables in the engine's words. */
  readonly workspace: string
  /** As the caller wrote it. */
  readonly sql: string
  /** The caller sees some rows only, so no message may show a value of a row. */
  readonly filtered: boolean
  readonly signal: AbortSignal
}

/** ClickHouse's error numbers that have a problem of their own; every other is `query.failed`. */
const problemOf: Readonly<Record<number, ProblemCode>> = {
  // UNKNOWN_IDENTIFIER, NO_SUCH_COLUMN_IN_TABLE, THERE_IS_NO_COLUMN
  47: 'query.unknown_column',
  16: 'query.unknown_column',
  8: 'query.unknown_column',
  // UNKNOWN_TABLE, UNKNOWN_DATABASE
  60: 'query.unknown_table',
  81: 'query.unknown_table',
  // UNKNOWN_FUNCTION, UNKNOWN_AGGREGATE_FUNCTION
  46: 'query.unknown_function',
  63: 'query.unknown_function',
  // SYNTAX_ERROR
  62: 'query.syntax',
  // TIMEOUT_EXCEEDED, TOO_SLOW
  159: 'query.timeout',
  160: 'query.timeout',
  // TOO_MANY_ROWS, TOO_MANY_BYTES, MEMORY_LIMIT_EXCEEDED, SET_SIZE_LIMIT_EXCEEDED, TOO_DEEP_RECURSION, TOO_DEEP_AST,
  // TOO_BIG_AST, TOO_DEEP_PIPELINE, TOO_MANY_COLUMNS, TOO_LARGE_ARRAY_SIZE, TOO_DEEP_SUBQUERIES
  158: 'query.too_expensive',
  307: 'query.too_expensive',
  241: 'query.too_expensive',
  191: 'query.too_expensive',
  306: 'query.too_expensive',
  167: 'query.too_expensive',
  168: 'query.too_expensive',
  295: 'query.too_expensive',
  161: 'query.too_expensive',
  128: 'query.too_expensive',
  162: 'query.too_expensive',
  // TOO_MANY_ROWS_OR_BYTES
  396: 'query.result_too_large',
  // UNKNOWN_QUERY_PARAMETER, BAD_QUERY_PARAMETER
  456: 'query.parameter',
  457: 'query.parameter',
}

/** Errors that are ours or the machine's, whose words would tell of its insides. */
const internal = new Set([
  49, 74, 75, 76, 77, 78, 79, 84, 87, 88, 93, 102, 107, 173, 198, 209, 210, 212, 228, 232, 233, 234, 243, 246, 252, 271,
  279, 354, 425, 497, 516, 593, 1001, 1002,
])

/** What to answer for whatever the warehouse threw. */
export function queryFailure(thrown: unknown, query: FailedQuery): unknown {
  if (!(thrown instanceof WarehouseError)) return thrown
  if (thrown.number === 394) {
    return query.signal.aborted
      ? new Failure('request.cancelled', 'The caller went away.', { cause: thrown })
      : new Failure('query.timeout', 'The query was stopped: it took too long.', { cause: thrown })
  }
  if (internal.has(thrown.number)) {
    return new Failure('internal.error', 'The warehouse could not run the query.', { cause: thrown })
  }
  // A row filter that no longer fits its stream: whoever made the credential must know, the caller not in which words.
  if (
    thrown.message.includes('accurateCastOrNull(') &&
    /[Ii]n scope .{0,200}accurateCastOrNull\(/s.test(thrown.message)
  ) {
    return new Failure('query.failed', 'A row filter of this credential does not fit its stream.', {
      hint: 'Ask whoever made the credential: the column of the filter may have been removed.',
      cause: thrown,
    })
  }
  const detail = cleaned(thrown.message, query)
  const problem = problemOf[thrown.number] ?? 'query.failed'
  switch (problem) {
    case 'query.unknown_column':
      return unknownColumn(thrown, detail, query)
    case 'query.timeout':
      return new Failure(problem, 'The query took longer than it may.', { cause: thrown })
    case 'query.result_too_large':
      return new Failure(problem, 'The result has more rows or bytes than it may.', { cause: thrown })
    default:
      return new Failure(problem, detail, { cause: thrown })
  }
}

function unknownColumn(thrown: WarehouseError, detail: string, query: FailedQuery): Failure {
  const name =
    /identifiers? `([^`]{1,200})`/.exec(thrown.message)?.[1] ?? /identifier '([^']{1,200})'/.exec(thrown.message)?.[1]
  if (name === undefined) return new Failure('query.unknown_column', detail, { cause: thrown })
  const place = placeOfName(query.sql, name)
  const near = suggestions(thrown.message).filter((suggested) => !suggested.split('.').at(-1)?.startsWith('_'))
  const suggestion = closest(name, near) ?? near[0]
  return new Failure('query.unknown_column', `There is no column \`${plainName(name, query)}\`.`, {
    ...(suggestion === undefined ? {} : { hint: `Did you mean \`${plainName(suggestion, query)}\`?` }),
    errors: [{ ...place, reason: 'no such column' }],
    cause: thrown,
  })
}

function suggestions(message: string): readonly string[] {
  const list = /Maybe you meant: \[([^\]]*)\]/.exec(message)?.[1] ?? ''
  return [...list.matchAll(/'([^']+)'/g)].map((found) => found[1] ?? '')
}

/** A failure of the parser, with its place. `offset` is in characters, `byteOffset` in bytes, both from 0. */
export function syntaxFailure(message: string, sql: string, offset?: number, byteOffset?: number): Failure {
  const at = offset ?? (byteOffset === undefined ? undefined : charactersBefore(sql, byteOffset))
  const words = message
    .replace(/: In scope [\s\S]*$/, '')
    .replace(/^Syntax error(?: \(([^)]*)\))?: /, (_, why: string | undefined) => (why === undefined ? '' : `${why}: `))
    .replace(/failed at position \d+/, 'failed')
    .replace(/ ?\(line \d+, col \d+\)/, '')
  return new Failure('query.syntax', shortened(words), {
    errors: [{ ...(at === undefined ? {} : placeAt(sql, at)), reason: 'cannot be parsed from here' }],
  })
}

/** Line and column from 1, in characters as people count them (code points). */
function placeAt(sql: string, offset: number): { readonly line: number; readonly column: number } {
  const before = sql.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: Array.from(before.slice(lineStart)).length + 1 }
}

function charactersBefore(sql: string, byteOffset: number): number {
  return Buffer.from(sql).subarray(0, byteOffset).toString('utf8').length
}

function placeOfName(sql: string, name: string): { readonly line?: number; readonly column?: number } {
  const last = name.split('.').at(-1) ?? name
  for (const wanted of [name, last]) {
    const at = wanted === '' ? -1 : sql.indexOf(wanted)
    if (at >= 0) return placeAt(sql, at)
  }
  return {}
}

/** The engine's message without what is ours or internal: scopes, frames, generated aliases, the database's name. */
export function cleaned(message: string, query: Pick<FailedQuery, 'workspace' | 'filtered'>): string {
  let words = message
    .replace(/:? ?[Ii]n scope [\s\S]*?(?=(?:\. Maybe you meant| Maybe you meant)|$)/, '')
    .replace(/: ?[Ww]hile executing[\s\S]*$/, '')
    .replace(/: ?[Ww]hile (?:processing|converting|reading|calculating)[\s\S]*$/, '')
    .replace(/ ?\(version [\s\S]*$/, '')
    .replaceAll(/'[^']*\b(?:accurateCastOrNull|additional_table_filters)\b[^']*'/g, '…')
    .replaceAll(/\b__table\d+\./g, '')
    .replaceAll(/\/(?:[\w.-]+\/){2,}[\w.-]*/g, '…')
  words = plainName(words, query)
  if (query.filtered) words = words.replaceAll(/'(?:[^'\\]|\\.)*'/gs, "'…'")
  return shortened(words)
}

function plainName(words: string, query: Pick<FailedQuery, 'workspace'>): string {
  return words
    .replaceAll(new RegExp(`(?<![\\w.])\`?${query.workspace}\`?\\.(?=[\`\\w])`, 'g'), '')
    .replaceAll(/\b__table\d+\./g, '')
}

function shortened(words: string): string {
  const trimmed = words.trim().replace(/[.:\s]+$/, '')
  return `${trimmed.length > 600 ? `${trimmed.slice(0, 600)}…` : trimmed}.`
}
