import type { Limit } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Limiter, Meter } from './limiter.ts'

const maxMeters = 20_000

/** The limits that queries set for each of their callers. */
export function createMeters({ limiter }: { readonly limiter: Limiter }) {
  const meters = new Map<string, Meter>()
  return (actor: Actor, query: string, limit: Limit | undefined): Meter | undefined => {
    if (limit === undefined || limit.requests === 0) return undefined
    const key = `${actor.workspace}/${actor.id}/${query}`
    const windowMs = (limit.windowSeconds || 60) * 1000
    const found = meters.get(key)
    if (found?.policy.limit === limit.requests && found.policy.windowMs === windowMs) return found
    if (meters.size >= maxMeters) meters.clear()
    const meter = limiter.meter(key, { name: 'endpoint', limit: limit.requests, windowMs })
    meters.set(key, meter)
    return meter
  }
}
