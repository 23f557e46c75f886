import { Failure, type Violation } from '#mesh/errors.ts'
import { placeAt } from '../../place.ts'
import type { Part, Span } from './statement.ts'

/** What is wrong with a place of a text of SQL. */
export function violationAt(sql: string, { start }: Pick<Span, 'start'>, reason: string): Violation {
  return { ...placeAt(sql, start), reason }
}

/** A statement that cannot be parsed: what was expected at the place, and the way out. */
export function syntaxFailure(sql: string, at: Pick<Span, 'start'>, detail: string, hint?: string): Failure {
  const options = hint === undefined ? {} : { hint }
  return new Failure('query.syntax', detail, {
    ...options,
    errors: [violationAt(sql, at, 'cannot be parsed from here')],
  })
}

/** The same failure, with the places that a check of `part` alone reported as places of the whole statement. */
export function inStatement(thrown: unknown, sql: string, part: Part): unknown {
  if (!(thrown instanceof Failure) || thrown.errors.every(({ line }) => line === undefined)) return thrown
  const origin = placeAt(sql, part.start)
  const errors = thrown.errors.map(({ line, column, ...rest }): Violation => {
    if (line === undefined) return rest
    const moved = column === undefined || line > 1 ? column : origin.column + column - 1
    return { ...rest, line: origin.line + line - 1, ...(moved === undefined ? {} : { column: moved }) }
  })
  const { problem, message, hint, cause, retryAfterMs } = thrown
  return new Failure(problem, message, { hint, errors, cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}
