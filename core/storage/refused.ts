import { Failure } from '#mesh/errors.ts'
import type { Interceptor } from '#mesh/rpc/call.ts'

/** PostgreSQL's SQLSTATEs for a text with a NUL character, as text and in JSON. */
const nul = new Set(['22021', '22P05'])

/** A text that PostgreSQL cannot hold is the request's fault, wherever in the request it stood. */
export function refused(): Interceptor {
  return {
    name: 'refused by the store',
    end(_call, failure) {
      if (failure?.problem !== 'internal.error') return undefined
      for (let at: unknown = failure.cause; at instanceof Error; at = at.cause) {
        if (!nul.has((at as { code?: string }).code ?? '')) continue
        return new Failure('request.invalid', 'A text of the request holds a NUL character, which cannot be kept.', {
          hint: 'Leave \\u0000 out.',
          cause: failure.cause,
        })
      }
      return undefined
    },
  }
}
