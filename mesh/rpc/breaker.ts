import { Failure } from '../errors.ts'
import { breaker as policy } from '../policy.ts'

/** One attempt on its way. */
export interface Pass {
  /** Something was received: whatever it says, the service lives. */
  heard(): void
  /** It ended. `lost`: and nothing was received, which is the service's doing and not the caller's. */
  leave(end?: { readonly lost: boolean }): void
}

export interface Breaker {
  /** Whether calls are refused without being sent. */
  readonly open: boolean
  readonly inFlight: number
  /** Calls refused since the start. */
  readonly refused: number
  /** Fails with `core.unavailable` while the service is given up, and with `limit.queue_full` at the bounds. */
  enter(bytes: number, deadline: number): Pass
}

/** What callers are told, and after how many milliseconds they may ask again. */
interface Words {
  gone(retryAfterMs: number): Failure
  full(retryAfterMs: number): Failure
}

const ofTheCore: Words = {
  gone: (retryAfterMs) => new Failure('core.unavailable', 'The core does not answer.', { retryAfterMs }),
  full: (retryAfterMs) => new Failure('limit.queue_full', 'Too much waits for the core already.', { retryAfterMs }),
}

/**
 * What a service that does not answer may cost. After some attempts in a row of which nothing was heard, calls fail at once;
 * then one is let through in each `openMs`, until one is answered. Nothing here waits for an attempt to end: a Worker's
 * request may be torn down without a word, so a probe and a place in flight both lapse by the clock. A library
 * (cockatiel) keeps them as promises, which then never settle.
 */
export function createBreaker(now: () => number = Date.now, words: Words = ofTheCore): Breaker {
  const passes = new Map<number, { readonly bytes: number; readonly deadline: number }>()
  let bytesInFlight = 0
  let entered = 0
  /** How many had entered when something was last heard. */
  let healedAt = 0
  let lost = 0
  let refused = 0
  /** When it opened, or when it last let one through. */
  let since = 0

  function drop(id: number): void {
    const pass = passes.get(id)
    if (pass === undefined) return
    passes.delete(id)
    bytesInFlight -= pass.bytes
  }

  function full(bytes: number): boolean {
    return passes.size >= policy.maxInFlight || (passes.size > 0 && bytesInFlight + bytes > policy.maxBytesInFlight)
  }

  function refuse(failure: Failure): Failure {
    refused++
    return failure
  }

  /** Until the next may try. A clock that was set back must not make it longer. */
  function leftMs(at: number): number {
    const goneMs = at - since
    return goneMs < 0 ? 0 : Math.max(0, policy.openMs - goneMs)
  }

  return {
    get open() {
      return lost >= policy.failures
    },
    get inFlight() {
      return passes.size
    },
    get refused() {
      return refused
    },

    enter(bytes, deadline) {
      const at = now()
      if (lost >= policy.failures) {
        const waitMs = leftMs(at)
        if (waitMs > 0) {
          throw refuse(words.gone(waitMs))
        }
        since = at
      }
      if (full(bytes)) for (const [id, pass] of passes) if (pass.deadline + policy.lapseMs < at) drop(id)
      if (full(bytes)) {
        throw refuse(words.full(policy.openMs))
      }
      const id = ++entered
      passes.set(id, { bytes, deadline })
      bytesInFlight += bytes
      return {
        heard() {
          lost = 0
          healedAt = entered
        },
        leave(end) {
          drop(id)
          // What began before the last sign of life says nothing of what came after it.
          if (end?.lost === true && id > healedAt && ++lost === policy.failures) since = now()
        },
      }
    },
  }
}
