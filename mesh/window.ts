/**
 * A sliding window made of two fixed ones: what was used in the last window counts by how much of it the sliding one
 * still covers. https://blog.cloudflare.com/counting-things-a-lot-of-different-things/
 */
export interface Policy {
  /** Shown in RateLimit-Policy. */
  readonly name: string
  /** Units per window; 0 is unlimited. */
  readonly limit: number
  readonly windowMs: number
  /** Units that may come at once, beyond an even flow; absent or 0: the whole window's. */
  readonly burst?: number
}

export interface Usage {
  /** Number of the fixed window since 1970. */
  readonly window: number
  readonly used: number
  readonly usedBefore: number
  /** Where bursts are bounded: when all that was used had come, had it come evenly. GCRA's theoretical arrival time (ITU-T I.371). */
  readonly evenAt?: number
}

/** Of a limit: where so much is used, it is worth a word. */
export const nearShare = 0.8

export const nothingUsed: Usage = { window: 0, used: 0, usedBefore: 0 }

/** What was stored. What is lost or cannot be read counts as nothing used: a window's counting is no reason to refuse. */
export function usageOf(stored: unknown): Usage {
  const { window, used, usedBefore } = (stored ?? {}) as Partial<Usage>
  const whole = [window, used, usedBefore].every((value) => Number.isSafeInteger(value) && Number(value) >= 0)
  return whole ? (stored as Usage) : nothingUsed
}

/**
 * The same usage, seen from the window that `now` is in. Where the clock was set back, what was used in a later window
 * counts as used in this one: nobody gets more by it, and nobody waits until the clock is where it was.
 */
export function roll(usage: Usage, { windowMs }: Policy, now: number): Usage {
  const window = Math.floor(now / windowMs)
  if (window === usage.window) return usage
  if (window < usage.window) {
    const { evenAt } = usage
    return { ...usage, window, ...(evenAt !== undefined && { evenAt: Math.min(evenAt, now + windowMs) }) }
  }
  return { ...usage, window, used: 0, usedBefore: window === usage.window + 1 ? usage.used : 0 }
}

/** The same usage, with so many units more. */
export function use(usage: Usage, policy: Policy, units: number, now: number): Usage {
  const rolled = roll(usage, policy, now)
  const used = rolled.used + units
  if (!policy.burst) return { ...rolled, used }
  return { ...rolled, used, evenAt: Math.max(rolled.evenAt ?? 0, now) + (units * policy.windowMs) / policy.limit }
}

/** Whole units that may be used now. */
export function available(usage: Usage, policy: Policy, now: number): number {
  const { window, used, usedBefore } = roll(usage, policy, now)
  const gone = (now - window * policy.windowMs) / policy.windowMs
  const ofWindow = Math.max(0, Math.floor(policy.limit - used - usedBefore * (1 - gone)))
  if (!policy.burst) return ofWindow
  const ahead = Math.max(0, (usage.evenAt ?? 0) - now) * (policy.limit / policy.windowMs)
  return Math.max(0, Math.min(ofWindow, Math.floor(policy.burst - ahead)))
}

/** Until this many units are available, in milliseconds; the end of the next window if there can never be so many. */
export function waitMs(usage: Usage, policy: Policy, units: number, now: number): number {
  const ofWindow = windowWaitMs(usage, policy, units, now)
  if (!policy.burst) return ofWindow
  const room = (Math.max(0, policy.burst - units) * policy.windowMs) / policy.limit
  return Math.max(ofWindow, Math.ceil((usage.evenAt ?? 0) - room - now))
}

function windowWaitMs(usage: Usage, policy: Policy, units: number, now: number): number {
  const { window, used, usedBefore } = roll(usage, policy, now)
  const { limit, windowMs } = policy
  const intoMs = now - window * windowMs
  const here = limit - used - units
  if (here >= 0) return Math.max(1, Math.ceil((1 - here / Math.max(usedBefore, here)) * windowMs - intoMs))
  const next = Math.max(0, 1 - (limit - units) / Math.max(1, used))
  return Math.ceil(windowMs - intoMs + Math.min(1, next) * windowMs)
}
