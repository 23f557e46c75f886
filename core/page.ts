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
