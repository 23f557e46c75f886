import { Ratelimit } from '@upstash/ratelimit'
import { Redis, type Requester } from '@upstash/redis'
import type { Client } from '#mesh/rpc/call.ts'
import type { Policy } from '#mesh/window.ts'
import type { Reply, RedisService } from '#proto/edgewise/redis/v1/redis_pb.ts'
import type { Grant, Leases } from './limiter.ts'

/** Longer than this, a request does not wait for its lease: the limiter counts by itself then. */
const timeoutMs = 1_000
const maxPolicies = 10_000
/** Nobody knows when a unit is free: it is asked again after so long, or a twentieth of the window. */
const leastPauseMs = 1_000

/** Leases from the Redis of the core, for every edge that asks the same core: `@upstash/ratelimit`, whose requests are RPCs. */
export function createRedisLeases(deps: {
  readonly redis: Pick<Client<typeof RedisService>, 'runCommands'>
  readonly now: () => number
}): Leases {
  const { now } = deps
  const redis = new Redis(requesterOf(deps.redis))
  const limiters = new Map<string, Ratelimit>()

  function limiterOf(policy: Policy): Ratelimit {
    const name = `${policy.limit}/${policy.windowMs}/${policy.burst ?? 0}`
    const found = limiters.get(name)
    if (found !== undefined) return found
    if (limiters.size >= maxPolicies) limiters.clear()
    // Its own timeout would allow what it could not count, and its cache would hold what is leased here already.
    const options = { redis, prefix: 'limit', timeout: 0, ephemeralCache: false, analytics: false } as const
    const limiter = new Ratelimit({ ...options, limiter: algorithmOf(policy) })
    limiters.set(name, limiter)
    return limiter
  }

  return {
    async lease(key, policy, units) {
      const limiter = limiterOf(policy)
      const name = `${key}/${policy.windowMs}`
      // What is asked for in vain of a sliding window is charged; of a bucket it is not.
      const wanted = policy.burst ? units : Math.min(units, (await limiter.getRemaining(name)).remaining)
      const tries = policy.burst ? [wanted, 1] : [wanted]
      for (const rate of tries) {
        if (rate < 1) break
        const { success, remaining, reset } = await limiter.limit(name, { rate })
        if (success) return granted(rate, units, { policy, remaining, reset, now: now() })
      }
      return granted(0, units, { policy, remaining: 0, reset: now() + policy.windowMs, now: now() })
    },
  }
}

function algorithmOf({ limit, windowMs, burst }: Policy) {
  if (!burst) return Ratelimit.slidingWindow(limit, `${windowMs} ms`)
  // One at a time, or, where they come faster than milliseconds do, as many as come in one.
  const everyMs = Math.max(1, Math.round(windowMs / limit))
  return Ratelimit.tokenBucket(Math.max(1, Math.round((limit * everyMs) / windowMs)), `${everyMs} ms`, burst)
}

function granted(
  units: number,
  asked: number,
  at: { readonly policy: Policy; readonly remaining: number; readonly reset: number; readonly now: number },
): Grant {
  const { windowMs, burst } = at.policy
  const expiresInMs = burst ? windowMs : Math.max(1, at.reset - at.now)
  const pauseMs = Math.min(expiresInMs, Math.max(leastPauseMs, windowMs / 20))
  return { units, remaining: at.remaining, expiresInMs, retryAfterMs: units < asked ? pauseMs : 0 }
}

const utf8 = new TextEncoder()
const plain = new TextDecoder()

function requesterOf(core: Pick<Client<typeof RedisService>, 'runCommands'>): Requester {
  return {
    async request<T>({ body }: { readonly body?: unknown }) {
      const args = (body as readonly unknown[]).map((arg) => utf8.encode(String(arg)))
      const { answers } = await core.runCommands({ commands: [{ args }] }, { timeoutMs })
      const came = answers[0]?.came
      // As its own client says it, by which it knows that a script must be sent.
      if (came?.case === 'refusal') throw new Error(came.value)
      return { result: valueOf(came?.value) as T }
    },
  }
}

function valueOf(reply: Reply | undefined): unknown {
  const { kind } = reply ?? {}
  if (kind?.case === 'integer') return Number(kind.value)
  if (kind?.case === 'text') return plain.decode(kind.value)
  return kind?.case === 'list' ? kind.value.items.map(valueOf) : (kind?.value ?? null)
}
