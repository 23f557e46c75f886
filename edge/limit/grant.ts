import type { Grant } from './limiter.ts'
import { available, type Policy, roll, type Usage, use, waitMs } from '#mesh/window.ts'

/** Gives what is available of what is asked for, and charges it. */
export function grant(usage: Usage, policy: Policy, asked: number, now: number): { usage: Usage; grant: Grant } {
  const rolled = roll(usage, policy, now)
  const free = available(rolled, policy, now)
  const units = Math.min(asked, free)
  const after = use(rolled, policy, units, now)
  return {
    usage: after,
    grant: {
      units,
      remaining: free - units,
      expiresInMs: (rolled.window + 1) * policy.windowMs - now,
      // Until a single unit is free: a caller who wants more at once will ask again.
      retryAfterMs: units < asked ? waitMs(after, policy, 1, now) : 0,
    },
  }
}
