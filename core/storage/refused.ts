import { Failure, type ProblemCode } from '#mesh/errors.ts'
import type { Interceptor } from '#mesh/rpc/call.ts'

const nul = 'A text of the request holds a NUL character, which cannot be kept.'
const collided = 'Another change of the same was made at the same time.'

/** PostgreSQL's SQLSTATEs for what is no fault of ours, wherever in the request it stood. */
const reasons = new Map<string, readonly [problem: ProblemCode, reason: string]>([
  ['22021', ['request.invalid', nul]],
  // The same within JSON.
  ['22P05', ['request.invalid', nul]],
  ['22003', ['request.invalid', 'A number of the request is larger than there can be.']],
  // Two that found a name free, two that waited for each other, and a snapshot that did not hold.
  ['23505', ['request.aborted', collided]],
  ['40P01', ['request.aborted', collided]],
  ['40001', ['request.aborted', collided]],
])

/** What the store refuses is answered as what it is. */
export function refused(): Interceptor {
  return {
    name: 'refused by the store',
    end(_call, failure) {
      if (failure?.problem !== 'internal.error') return undefined
      for (let at: unknown = failure.cause; at instanceof Error; at = at.cause) {
        const known = reasons.get((at as { code?: string }).code ?? '')
        if (known !== undefined) return new Failure(...known, { cause: failure.cause })
      }
      return undefined
    },
  }
}
