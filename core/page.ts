import { Failure } from '#mesh/errors.ts'

const defaultLimit = 100
const maxLimit = 1_000

/** How many entries a page has: 0 means the default. */
export function pageLimit(limit: number): number {
  if (limit === 0) return defaultLimit
  if (limit <= maxLimit) return limit
  throw new Failure('request.invalid', `A page has at most ${maxLimit} entries.`, {
    errors: [{ pointer: 'limit', reason: `must be 1 to ${maxLimit}` }],
  })
}

/** Of rows that are one more than the page where there is another. `cursor`: what the next one begins after. */
export function pageOf<Row>(rows: readonly Row[], limit: number, cursor: (last: Row) => string) {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const more = rows.length > limit && last !== undefined
  return { rows: page, nextCursor: more ? Buffer.from(cursor(last)).toString('base64url') : '' }
}

/** What a page begins after; empty for the first. */
export function cursorOf(cursor: string, shape: RegExp): string {
  if (cursor === '') return ''
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  if (shape.test(text)) return text
  throw new Failure('request.invalid', 'The cursor is not one that was given.', {
    errors: [{ pointer: 'cursor', reason: 'not a cursor' }],
  })
}
