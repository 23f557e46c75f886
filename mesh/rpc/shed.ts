import { Failure } from '../errors.ts'
import { admission, policyOf, shedding } from '../policy.ts'
import type { Call, Interceptor } from './call.ts'

export interface Load {
  /** How long what is ready to run waits for its turn, of late and all the time. */
  readonly delayMs: () => number
  readonly random?: () => number
}

export interface Shedder {
  readonly interceptor: Interceptor
  /** Calls under way. */
  readonly running: number
}

/**
 * Refuses calls while there is more to do than can be done, `batch` before `interactive` before `control`, at random and
 * more of them the more there is (as random early detection does with packets): so what is taken is done in time.
 */
export function createShedder({ delayMs, random = Math.random }: Load): Shedder {
  const running = new Set<Call>()

  function pressureOn(call: Call): number {
    const { priority } = policyOf(call.method)
    if (priority === 'health') return 0
    const bounds = shedding[priority]
    // A few are no crowd: where they wait, it is for one another.
    const delay = running.size < admission.least ? 0 : delayMs() / bounds.delayMs
    return Math.max(delay, running.size / bounds.calls)
  }

  return {
    interceptor: {
      name: 'shed',
      begin(call) {
        const beyond = pressureOn(call) - 1
        if (beyond > 0 && random() < beyond) throw overloaded('The core has too much to do.')
        running.add(call)
      },
      end: (call) => void running.delete(call),
    },
    get running() {
      return running.size
    },
  }
}

const retryAfterMs = 1_000

/** With a time to wait that differs from caller to caller, so that they do not all come back at once. */
export function overloaded(detail: string): Failure {
  return new Failure('limit.overload', detail, { retryAfterMs: Math.round(retryAfterMs * (1 + 2 * Math.random())) })
}
