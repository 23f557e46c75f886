import type { Background } from '../core.ts'
import { nothingUsed, type Policy, type Usage } from '#mesh/window.ts'
import { grant as grantOf } from './grant.ts'

/** Units that were charged already and may be spent by one isolate, without asking, until they expire. */
export interface Grant {
  readonly units: number
  /** Left for others, and for the next grant. */
  readonly remaining: number
  readonly expiresInMs: number
  /** Where fewer than asked for were given: until there are as many. */
  readonly retryAfterMs: number
}

/** The port: where budget is leased from. */
export interface Leases {
  lease(key: string, policy: Policy, units: number): Promise<Grant>
}

export interface Decision {
  readonly allowed: boolean
  readonly policy: Policy
  readonly remaining: number
  readonly resetMs: number
  /** 0 where allowed. */
  readonly retryAfterMs: number
}

/** One limit of one caller, in one isolate. */
export interface Meter {
  readonly policy: Policy
  /** Whether `take` can decide at once. */
  ready(cost: number, now: number): boolean
  /** Spends what is here. Only after `ready`. */
  take(cost: number, now: number, background: Background): Decision
  /** Spends, after leasing if it must. */
  acquire(cost: number, background: Background): Promise<Decision>
}

export interface LimiterDeps {
  readonly leases: Leases
  readonly now: () => number
  /** Called when the leases cannot be had: until they can, each isolate counts by itself. */
  readonly onDegraded: () => void
}

/** A clock that goes back by less was only corrected. */
const correctionMs = 1_000

/** A twentieth of the limit, or of what may come at once, so that isolates share it fairly and what one leaves unused is little. */
export function leaseSize({ limit, burst }: Policy): number {
  return Math.min(1_000, Math.max(1, Math.floor((burst || limit) / 20)))
}

export type Limiter = ReturnType<typeof createLimiter>

/**
 * Limits, decided in memory on leased budget. Units are charged when they are leased, and expire with the window in which
 * they were: all isolates together never exceed the window's limit by more than one lease each.
 */
export function createLimiter({ leases, now, onDegraded }: LimiterDeps) {
  return {
    meter(key: string, policy: Policy): Meter {
      return policy.limit === 0 ? unlimited(policy) : leased(key, policy, { leases, now, onDegraded })
    },
  }
}

function unlimited(policy: Policy): Meter {
  const decision = { allowed: true, policy, remaining: 0, resetMs: 0, retryAfterMs: 0 }
  return { policy, ready: () => true, take: () => decision, acquire: () => Promise.resolve(decision) }
}

function leased(key: string, policy: Policy, { leases, now, onDegraded }: LimiterDeps): Meter {
  const size = leaseSize(policy)
  let units = 0
  let remaining = 0
  let expiresAt = 0
  let leasedAt = 0
  /** What was given here while the leases could not be had. */
  let alone: Usage = nothingUsed
  /** While it lies ahead, so many units or more are refused without asking. */
  let refusedUntil = 0
  let refusedCost = Infinity
  let leasing: Promise<void> | undefined

  function lease(cost: number): Promise<void> {
    leasing ??= refill(Math.max(size, cost)).finally(() => {
      leasing = undefined
    })
    return leasing
  }

  async function refill(wanted: number): Promise<void> {
    let grant: Grant
    try {
      grant = await leases.lease(key, policy, wanted)
    } catch {
      onDegraded()
      // No common count: a limit for each isolate rather than an outage for all.
      const given = grantOf(alone, policy, wanted, now())
      alone = given.usage
      grant = given.grant
    }
    const at = now()
    leasedAt = at
    units = (expiresAt > at ? units : 0) + grant.units
    remaining = grant.remaining
    expiresAt = at + grant.expiresInMs
    refusedUntil = grant.units < wanted ? at + grant.retryAfterMs : 0
    refusedCost = grant.units < wanted ? units + 1 : Infinity
  }

  function has(cost: number, at: number): boolean {
    // Leased later than now: the clock was set back, and what was leased would last as long as it went.
    if (at < leasedAt - correctionMs) expiresAt = refusedUntil = leasedAt = 0
    return expiresAt > at && units >= cost
  }

  function decide(allowed: boolean, at: number): Decision {
    return {
      allowed,
      policy,
      remaining: expiresAt > at ? units + remaining : 0,
      resetMs: Math.max(0, expiresAt - at),
      retryAfterMs: allowed ? 0 : Math.max(1, refusedUntil - at),
    }
  }

  function take(cost: number, at: number, background: Background): Decision {
    units -= cost
    // The next lease comes before this one is used up, so that only the first request of a window waits.
    if (units < size / 4 && size > 1 && leasing === undefined && refusedUntil <= at) background.waitUntil(lease(0))
    return decide(true, at)
  }

  return {
    policy,
    ready: has,
    take,
    async acquire(cost, background) {
      // Others may have spent what came: twice is enough for one lease of one's own.
      for (let attempt = 0; attempt < 3; attempt++) {
        const at = now()
        if (has(cost, at)) return take(cost, at, background)
        if (refusedUntil > at && cost >= refusedCost) return decide(false, at)
        const work = lease(cost)
        background.waitUntil(work)
        await work
      }
      const at = now()
      return has(cost, at)
        ? take(cost, at, background)
        : { ...decide(false, at), retryAfterMs: Math.max(1_000, refusedUntil - at) }
    },
  }
}
