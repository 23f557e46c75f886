import type { RateLimiter } from './durable.ts'
import type { Leases } from './limiter.ts'

/** Longer than this, a request does not wait for its lease: the limiter counts by itself then. */
const timeoutMs = 1_000

/** Leases from the Durable Object of each key. */
export function createDurableLeases(namespace: DurableObjectNamespace<RateLimiter>): Leases {
  return {
    async lease(key, policy, units) {
      const work = namespace.getByName(`${key}/${policy.windowMs}`).lease({ ...policy }, units)
      let timer: ReturnType<typeof setTimeout> | null = null
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`No lease within ${timeoutMs} ms.`)), timeoutMs)
      })
      try {
        return await Promise.race([work, late])
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
