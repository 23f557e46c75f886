import { Failure } from '#mesh/errors.ts'
import { available, nearShare, nothingUsed, type Policy, roll, type Usage, waitMs } from '#mesh/window.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** What a plan bounds beside requests, which edges count. */
export type Unit = 'rows' | 'bytes' | 'events'
export type Amounts = Readonly<Partial<Record<Unit, number>>>

/** One bound of a plan, as it stands. */
export interface Quota {
  readonly unit: Unit
  readonly limit: number
  readonly windowMs: number
  readonly left: number
  /** Until a new window begins. */
  readonly resetMs: number
}

export interface Held {
  /** Of each unit that the plan bounds: what was left before this was held. */
  readonly quotas: readonly Quota[]
  /** Says what was used after all; once, the first time counts. */
  settle(used: Amounts): void
}

/**
 * The port: what actors used of their plans. Actors of one subject share. This one counts in the memory of the one process
 * that an embedded installation is; several cores will need a store that they share.
 */
export interface Budgets {
  /** Charges as much of this as is left, until it is settled. Fails with `limit.cost` where nothing is left. */
  hold(actor: Actor, wanted: Amounts): Promise<Held>
  /** Charges all of this, or fails with `limit.cost` and charges nothing. The answer gives it back, if it was not used after all. */
  spend(actor: Actor, wanted: Amounts): Promise<() => void>
  /** How the actor stands. */
  quotas(actor: Actor): Promise<readonly Quota[]>
}

export interface BudgetsDeps {
  readonly now: () => number
  /** Called once a window when four fifths of a quota are used. */
  readonly onNear: (actor: Actor, quota: Quota) => void
}

const units: readonly Unit[] = ['rows', 'bytes', 'events']
const maxKept = 100_000

export function createBudgets({ now, onNear }: BudgetsDeps): Budgets {
  const kept = new Map<string, Usage>()

  function usageOf(key: string, policy: Policy, at: number): Usage {
    return roll(kept.get(key) ?? nothingUsed, policy, at)
  }

  function add(actor: Actor, unit: Unit, amount: number): void {
    const policy = policyOf(actor, unit)
    if (policy.limit === 0 || amount === 0) return
    const key = keyOf(actor, unit)
    const at = now()
    const before = usageOf(key, policy, at)
    const after = { ...before, used: Math.max(0, before.used + amount) }
    // To the end of the line: who has used nothing for long is forgotten first.
    kept.delete(key)
    kept.set(key, after)
    for (const oldest of kept.keys()) {
      if (kept.size <= maxKept) break
      kept.delete(oldest)
    }
    const near = policy.limit * nearShare
    if (before.used < near && after.used >= near) onNear(actor, quotaOf(actor, unit, at))
  }

  function quotaOf(actor: Actor, unit: Unit, at: number): Quota {
    const policy = policyOf(actor, unit)
    const { limit, windowMs } = policy
    const usage = usageOf(keyOf(actor, unit), policy, at)
    return { unit, limit, windowMs, left: available(usage, policy, at), resetMs: windowMs - (at % windowMs) }
  }

  function standing(actor: Actor): Quota[] {
    const at = now()
    return units.filter((unit) => policyOf(actor, unit).limit > 0).map((unit) => quotaOf(actor, unit, at))
  }

  function usedUp(actor: Actor, { unit, limit, windowMs }: Quota, amount: number): Failure {
    const policy = policyOf(actor, unit)
    const at = now()
    const fits = amount <= limit
    const detail = `The plan allows ${limit} ${unit} in ${windowMs / 1000} s, and too few are left.`
    return new Failure('limit.cost', detail, {
      ...(fits && { retryAfterMs: waitMs(usageOf(keyOf(actor, unit), policy, at), policy, amount, at) }),
    })
  }

  return {
    async hold(actor, wanted) {
      const quotas = standing(actor).filter(({ unit }) => wanted[unit] !== undefined)
      for (const quota of quotas) if (quota.left === 0) throw usedUp(actor, quota, 1)
      const held = quotas.map(({ unit, left }) => ({ unit, amount: Math.min(wanted[unit] ?? 0, left) }))
      for (const { unit, amount } of held) add(actor, unit, amount)
      let settled = false
      return {
        quotas,
        settle(used) {
          if (settled) return
          settled = true
          for (const { unit, amount } of held) add(actor, unit, (used[unit] ?? 0) - amount)
        },
      }
    },
    async spend(actor, wanted) {
      const quotas = standing(actor).filter(({ unit }) => wanted[unit] !== undefined)
      for (const quota of quotas) {
        const amount = wanted[quota.unit] ?? 0
        if (amount > quota.left) throw usedUp(actor, quota, amount)
      }
      for (const { unit } of quotas) add(actor, unit, wanted[unit] ?? 0)
      return () => {
        for (const { unit } of quotas) add(actor, unit, -(wanted[unit] ?? 0))
      }
    },
    async quotas(actor) {
      return standing(actor)
    },
  }
}

function keyOf({ workspace, subject, id }: Actor, unit: Unit): string {
  return `${workspace}/${subject || id}/${unit}`
}

function policyOf({ plan }: Actor, unit: Unit): Policy {
  return { name: unit, limit: Number(plan?.[unit] ?? 0n), windowMs: (plan?.windowSeconds || 60) * 1000 }
}
