import type { RateLimiter } from './durable.ts'
import type { Leases } from './limiter.ts'

/** Leases from the Durable Object of each key. */
export function createDurableLeases(namespace: DurableObjectNamespace<RateLimiter>): Leases {
  return {
    lease: (key, policy, units) => namespace.getByName(`${key}/${policy.windowMs}`).lease({ ...policy }, units),
  }
}
