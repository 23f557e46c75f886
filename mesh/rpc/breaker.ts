import { Failure } from '../errors.ts'
import { breaker as policy } from '../policy.ts'
import { createAdmission, type Entry } from './admission.ts'

/** One attempt on its way. */
export interface Pass {
  /** Something was received: whatever it says, the service lives. */
  heard(): void
  /** It ended. */
  leave(end?: End): void
}

export interface End {
  /** Nothing was received, which is the service's doing and not the caller's. */
  readonly lost: boolean
  /** The service said that it has too much to do: it lives. */
  readonly overloaded?: boolean
}

export interface Breaker {
  /** Whether calls are refused without being sent. */
  readonly open: boolean
  readonly inFlight: number
  /** How many calls may be in flight that are made for somebody. */
  readonly limit: number
  /** Calls refused since the start. */
  readonly refused: number
  /**
   * Fails with `core.unavailable` while the service is given up, with `limit.overload` where it has too much to do already,
   * and with `limit.queue_full` at the bounds.
   */
  enter(bytes: number, deadline: number, entry?: Entry): Pass
  /** As `enter`, before there is anything to send. */
  check(entry: Entry): void
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
export function createBreaker(
  now: () => number = Date.now,
  words: Words = ofTheCore,
  delayMs: () => number = () => 0,
): Breaker {
  const passes = new Map<number, { readonly bytes: number; readonly deadline: number; readonly share?: string }>()
  const admission = createAdmission(now, delayMs)
  let bytesInFlight = 0
  let entered = 0
  /** How many had entered when something was last heard. */
  let healedAt = 0
  let lost = 0
  let refused = 0
  /** When it opened, or when it last let one through. */
  let since = 0
  let sweptAt = 0

  function drop(id: number, answered: boolean): void {
    const pass = passes.get(id)
    if (pass === undefined) return
    passes.delete(id)
    bytesInFlight -= pass.bytes
    if (pass.share !== undefined) admission.end(pass.share, answered)
  }

  function sweep(at: number): void {
    sweptAt = at
    for (const [id, pass] of passes) if (pass.deadline + policy.lapseMs < at) drop(id, false)
  }

  function full(bytes: number): boolean {
    return passes.size >= policy.maxInFlight || (passes.size > 0 && bytesInFlight + bytes > policy.maxBytesInFlight)
  }

  function refuse(failure: Failure): Failure {
    refused++
    return failure
  }

  function check(entry: Entry): void {
    const refusal = admission.refusal(entry)
    if (refusal === undefined) return
    // Those that never ended must not stand in the way of this one; the next finds it swept.
    const at = now()
    if (Math.abs(at - sweptAt) >= policy.lapseMs) sweep(at)
    throw refuse(refusal)
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
    get limit() {
      return admission.limit
    },
    get refused() {
      return refused
    },
    check,

    enter(bytes, deadline, entry) {
      const at = now()
      if (lost >= policy.failures) {
        const waitMs = leftMs(at)
        if (waitMs > 0) {
          throw refuse(words.gone(waitMs))
        }
        since = at
      }
      if (full(bytes)) sweep(at)
      if (full(bytes)) {
        throw refuse(words.full(policy.openMs))
      }
      if (entry !== undefined) check(entry)
      const id = ++entered
      passes.set(id, { bytes, deadline, ...(entry && { share: entry.share }) })
      if (entry !== undefined) admission.begin(entry.share)
      bytesInFlight += bytes
      return {
        heard() {
          lost = 0
          healedAt = entered
        },
        leave(end) {
          if (end?.overloaded === true) admission.overloaded()
          drop(id, end === undefined)
          // What began before the last sign of life says nothing of what came after it.
          if (end?.lost === true && id > healedAt && ++lost === policy.failures) since = now()
        },
      }
    },
  }
}
