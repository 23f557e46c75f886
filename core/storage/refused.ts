import { Failure } from '#mesh/errors.ts'
import type { Interceptor } from '#mesh/rpc/call.ts'

/** PostgreSQL's SQLSTATEs for values that are a fault of the request, wherever in the request they stood. */
const reasons = new Map([
  ['22021', 'A text of the request holds a NUL character, which cannot be kept.'],
  // The same within JSON.
  ['22P05', 'A text of the request holds a NUL character, which cannot be kept.'],
  ['22003', 'A number of the request is larger than there can be.'],
])

/** What the store cannot hold is answered as what it is. */
export function refused(): Interceptor {
  return {
    name: 'refused by the store',
    end(_call, failure) {
      if (failure?.problem !== 'internal.error') return undefined
      for (let at: unknown = failure.cause; at instanceof Error; at = at.cause) {
        const reason = reasons.get((at as { code?: string }).code ?? '')
        if (reason !== undefined) return new Failure('request.invalid', reason, { cause: failure.cause })
      }
      return undefined
    },
  }
}
