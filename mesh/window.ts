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
}

export interface Usage {
  /** Number of the fixed window since 1970. */
  readonly window: number
  readonly used: number
  readonly usedBefore: number
}

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
  if (window < usage.window) return { ...usage, window }
  return { window, used: 0, usedBefore: window === usage.window + 1 ? usage.used : 0 }
}

/** Whole units that may be used now. */
export function available(usage: Usage, policy: Policy, now: number): number {
  const { window, used, usedBefore } = roll(usage, policy, now)
  const gone = (now - window * policy.windowMs) / policy.windowMs
  return Math.max(0, Math.floor(policy.limit - used - usedBefore * (1 - gone)))
}

/** Until this many units are available, in milliseconds; the end of the next window if there can never be so many. */
export function waitMs(usage: Usage, policy: Policy, units: number, now: number): number {
  const { window, used, usedBefore } = roll(usage, policy, now)
  const { limit, windowMs } = policy
  const intoMs = now - window * windowMs
  const here = limit - used - units
  if (here >= 0) return Math.max(1, Math.ceil((1 - here / Math.max(usedBefore, here)) * windowMs - intoMs))
  const next = Math.max(0, 1 - (limit - units) / Math.max(1, used))
  return Math.ceil(windowMs - intoMs + Math.min(1, next) * windowMs)
}
