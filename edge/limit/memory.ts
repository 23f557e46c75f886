import { grant } from './grant.ts'
import type { Leases } from './limiter.ts'
import { nothingUsed, type Usage } from '#mesh/window.ts'

const maxKeys = 100_000

/** Leases from this isolate's own memory: for tests, and wherever there is only one isolate. */
export function createMemoryLeases({ now }: { readonly now: () => number }): Leases {
  const usages = new Map<string, Usage>()
  return {
    async lease(key, policy, units) {
      const name = `${key}/${policy.windowMs}`
      const given = grant(usages.get(name) ?? nothingUsed, policy, units, now())
      if (usages.size >= maxKeys) usages.clear()
      usages.set(name, given.usage)
      return given.grant
    },
  }
}
