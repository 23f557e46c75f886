import { Failure, type ProblemCode } from '#mesh/errors.ts'
import { WarehouseError } from '../storage/warehouse.ts'
import { closest } from '#mesh/closest.ts'
import { cleaned, placeOfName, plainName } from './messages.ts'

/** What is known of a query when it fails. */
export interface FailedQuery {
  /** The workspace: its name stands before tables in the engine's words. */
  readonly workspace: string
  /** As the caller wrote it. */
  readonly sql: string
  /** The caller sees some rows only, so no message may show a value of a row. */
  readonly filtered: boolean
  readonly signal: AbortSignal
  /** Names on the left of IN. */
  readonly tested: ReadonlySet<string>
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
  // A name on the left of IN that is no column, but some table's: the answer is the one for a name that is nothing.
  const table = /is a table expression '([^']+)'/.exec(thrown.message)?.[1]
  if (table !== undefined) return noColumn(thrown, testedName(table, query), query)
  const detail = cleaned(thrown.message, query)
  const isBound =
    /^TOO_(?:BIG|DEEP|MANY|LARGE)_/.test(thrown.kind) || thrown.message.startsWith('Query tree is too big')
  const problem = problemOf[thrown.number] ?? (isBound ? 'query.too_expensive' : 'query.failed')
  switch (problem) {
    case 'query.unknown_column':
      return unknownColumn(thrown, detail, query)
    case 'query.unknown_table':
      return unknownTable(thrown, detail, query)
    case 'query.timeout':
      return new Failure(problem, 'The query took longer than it may.', { cause: thrown })
    case 'query.too_expensive':
      return new Failure(problem, thrown.number === 241 ? 'The query needs more memory than it may have.' : detail, {
        cause: thrown,
      })
    case 'query.result_too_large':
      return new Failure(problem, 'The result has more rows or bytes than it may.', { cause: thrown })
    default:
      return new Failure(problem, detail, { cause: thrown })
  }
}

function unknownColumn(thrown: WarehouseError, detail: string, query: FailedQuery): Failure {
  const name = nameIn(thrown.message)
  if (name === undefined) return new Failure('query.unknown_column', detail, { cause: thrown })
  if (query.tested.has(name)) return noColumn(thrown, name, query)
  const near = suggestions(thrown.message).filter((suggested) => !suggested.split('.').at(-1)?.startsWith('_'))
  const suggestion = closest(name, near) ?? near[0]
  return noColumn(thrown, name, query, suggestion)
}

function noColumn(thrown: WarehouseError, name: string, query: FailedQuery, suggestion?: string): Failure {
  return new Failure('query.unknown_column', `There is no column \`${plainName(name, query)}\`.`, {
    ...(suggestion === undefined ? {} : { hint: `Did you mean \`${plainName(suggestion, query)}\`?` }),
    errors: [{ ...placeOfName(query.sql, name), reason: 'no such column' }],
    cause: thrown,
  })
}

/** As it was written: with the workspace before it, or without. */
function testedName(table: string, { workspace, tested }: FailedQuery): string {
  return [...tested].find((name) => name === table || `${workspace}.${name}` === table) ?? table
}

function unknownTable(thrown: WarehouseError, detail: string, query: FailedQuery): Failure {
  const name = nameIn(thrown.message)
  if (name === undefined) return new Failure('query.unknown_table', detail, { cause: thrown })
  return new Failure('query.unknown_table', `There is no stream \`${plainName(name, query)}\`.`, {
    errors: [{ ...placeOfName(query.sql, name), reason: 'no such stream' }],
    cause: thrown,
  })
}

/** The name that an error of the analyzer is about. */
function nameIn(message: string): string | undefined {
  return /identifiers? [`']([^`']{1,200})[`']/i.exec(message)?.[1]
}

function suggestions(message: string): readonly string[] {
  const list = /Maybe you meant: \[([^\]]*)\]/.exec(message)?.[1] ?? ''
  return [...list.matchAll(/'([^']+)'/g)].map((found) => found[1] ?? '')
}
