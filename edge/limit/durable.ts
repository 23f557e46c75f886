import { DurableObject } from 'cloudflare:workers'
import { grant } from './grant.ts'
import type { Grant } from './limiter.ts'
import { type Policy, type Usage, usageOf } from '#mesh/window.ts'

/** The budget of one limit of one caller, for all isolates. */
export class RateLimiter extends DurableObject {
  #usage: Usage | undefined
  #endsAt = 0

  async lease(policy: Policy, units: number): Promise<Grant> {
    this.#usage ??= usageOf(await this.ctx.storage.get('usage'))
    const now = Date.now()
    const given = grant(this.#usage, policy, units, now)
    this.#usage = given.usage
    // Not waited for: a power cut forgets a moment's counting, and a limit is not worth a disk's time on each lease.
    void this.ctx.storage.put('usage', given.usage, { allowUnconfirmed: true })
    const endsAt = (given.usage.window + 2) * policy.windowMs
    if (endsAt > this.#endsAt) {
      this.#endsAt = endsAt
      void this.ctx.storage.setAlarm(endsAt, { allowUnconfirmed: true })
    }
    return given.grant
  }

  /** Two windows without a lease: nothing of it counts any more. */
  override async alarm(): Promise<void> {
    if (Date.now() < this.#endsAt) return this.ctx.storage.setAlarm(this.#endsAt)
    this.#usage = undefined
    this.#endsAt = 0
    await this.ctx.storage.deleteAll()
  }
}
