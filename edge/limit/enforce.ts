import type { MiddlewareHandler } from 'hono'
import { Failure } from '#mesh/errors.ts'
import type { PlanQuota } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { type AppContext, type AppEnv, backgroundOf } from '../routes/context.ts'
import type { Meter } from './limiter.ts'

/** What an isolate can do of its own for a caller that it knows. */
const works = /^(?:\/v1\/endpoints\/|\/v[12]\/models\/[^/]+\/(?:predict|infer|versions\/\d+\/infer)$)/

/** Charges the caller's plan one unit. Routes that cost more charge the rest themselves. */
export function limit(): MiddlewareHandler<AppEnv> {
  return async function limit(c, next) {
    await charge(c, c.var.session.meter, 1)
    if (c.var.degraded && !works.test(c.req.path)) {
      throw new Failure('core.unavailable', 'The core does not answer; only cached answers can be read.', {
        retryAfterMs: 2_000,
      })
    }
    await next()
  }
}

/** What the core says of the further quotas of the caller's plan, for the RateLimit fields. */
export function report(c: AppContext, quotas: readonly Omit<PlanQuota, '$typeName' | '$unknown'>[]): void {
  if (quotas.length === 0) return
  const decisions = quotas.map(({ name, limit, windowSeconds, remaining, resetMs }) => ({
    allowed: true,
    policy: { name, limit: Number(limit), windowMs: windowSeconds * 1000 },
    remaining: Number(remaining),
    resetMs,
    retryAfterMs: 0,
  }))
  c.set('decisions', [...c.var.decisions, ...decisions])
}

/** Spends units of a limit, or fails with the time to wait. */
export async function charge(c: AppContext, meter: Meter, units: number): Promise<void> {
  if (units <= 0) return
  const decision = await meter.acquire(units, backgroundOf(c))
  c.set('decisions', [...c.var.decisions.filter(({ policy }) => policy !== meter.policy), decision])
  if (decision.allowed) return
  const { limit: most, windowMs } = decision.policy
  throw new Failure('limit.rate', `More than ${most} in ${windowMs / 1000} s.`, { retryAfterMs: decision.retryAfterMs })
}
