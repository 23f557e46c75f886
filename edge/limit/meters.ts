import type { Policy } from '#mesh/window.ts'
import type { Limiter, Meter } from './limiter.ts'

const maxMeters = 20_000

/** The limits beside the plans of callers: of endpoints, of routes, and by name. What shares a key shares a limit. */
export function createMeters({ limiter }: { readonly limiter: Limiter }) {
  const meters = new Map<string, Meter>()
  return (key: string, policy: Policy): Meter => {
    const found = meters.get(key)
    if (found !== undefined && isSame(found.policy, policy)) return found
    if (meters.size >= maxMeters) meters.clear()
    const meter = limiter.meter(key, policy)
    meters.set(key, meter)
    return meter
  }
}

function isSame(one: Policy, other: Policy): boolean {
  return one.limit === other.limit && one.windowMs === other.windowMs && one.burst === other.burst
}
