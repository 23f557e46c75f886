import type { Failure } from '../errors.ts'
import { admission as policy, breaker as bounds, type Priority, shedding } from '../policy.ts'
import { overloaded } from './shed.ts'

/** For whom a call is made, and how much it matters. */
export interface Entry {
  readonly share: string
  readonly priority: Priority
}

export interface Admission {
  /** How many may be under way. */
  readonly limit: number
  /** `limit.overload` where one more would be too many. */
  refusal(entry: Entry): Failure | undefined
  /** One is under way. */
  begin(share: string): void
  /** It ended; `answered`: and was not refused, so there was room for it. */
  end(share: string, answered: boolean): void
  /** The service said that it has too much to do. */
  overloaded(): void
}

/**
 * How many calls of one service one client lets be under way: as TCP finds out how much a network carries, by the service's
 * own word and not by how long it takes, which says more of the question than of the service. While there are too many,
 * each of those they are made for may have the same. `delayMs`: how busy the caller itself is, as a server sheds by it.
 */
export function createAdmission(now: () => number, delayMs: () => number): Admission {
  const shares = new Map<string, number>()
  let running = 0
  let limit: number = policy.first
  let overloadedAt = Number.NEGATIVE_INFINITY
  /** When it was last made larger for the calm that there was. */
  let calmAt = Number.NEGATIVE_INFINITY

  /** A clock that was set back only makes it calm later. */
  function grow(at: number): void {
    if (limit >= bounds.maxInFlight) return
    // Nothing is known of what was not tried.
    if (running < limit / 2) {
      calmAt = at
      return
    }
    const calmMs = Math.abs(at - Math.max(overloadedAt, calmAt))
    if (calmMs < policy.calmMs) return
    limit = Math.min(bounds.maxInFlight, limit * 2 ** Math.floor(calmMs / policy.calmMs))
    calmAt = at
  }

  function admits({ share, priority }: Entry): boolean {
    if (priority === 'health' || priority === 'control') return true
    if (running >= policy.least && delayMs() / shedding[priority].delayMs - 1 > Math.random()) return false
    if (priority === 'batch') return running < limit * policy.batchShare
    if (running < limit) return true
    const own = shares.get(share) ?? 0
    // Those who have their part already are why it is full; they must not keep the others out.
    return running < 2 * limit && own < limit / (shares.size + (own === 0 ? 1 : 0))
  }

  return {
    get limit() {
      return Math.floor(limit)
    },
    refusal(entry) {
      grow(now())
      return admits(entry) ? undefined : overloaded('Too much is under way already.')
    },
    begin(share) {
      running++
      shares.set(share, (shares.get(share) ?? 0) + 1)
    },
    end(share, answered) {
      // Where the limit was never felt, an answer says nothing of it.
      if (answered && running >= limit / 2) limit = Math.min(bounds.maxInFlight, limit + 1 / limit)
      running--
      const left = (shares.get(share) ?? 0) - 1
      if (left > 0) shares.set(share, left)
      else shares.delete(share)
    },
    overloaded() {
      const at = now()
      if (Math.abs(at - overloadedAt) < policy.pauseMs) return
      overloadedAt = at
      limit = Math.max(policy.least, Math.min(limit, running) * policy.decrease)
    },
  }
}
