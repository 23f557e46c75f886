import { Failure } from '#mesh/errors.ts'
import { networkOf } from '#mesh/network.ts'
import type { Background } from '../core.ts'
import { addressOf } from './address.ts'
import type { Limiter, Meter } from './limiter.ts'

const maxMeters = 10_000
const policy = { name: 'address', limit: 300, windowMs: 60_000 }

/** Who has no credential yet is limited by where the request comes from: what is tried there costs the core more than a look-up. */
export function createStrangers({
  limiter,
  header,
}: {
  readonly limiter: Limiter
  readonly header: string | undefined
}) {
  const meters = new Map<string, Meter>()
  return async (request: Request, background: Background): Promise<void> => {
    const network = networkOf(addressOf(request, header))
    let meter = meters.get(network)
    if (meter === undefined) {
      if (meters.size >= maxMeters) meters.clear()
      meter = limiter.meter(`address/${network}`, policy)
      meters.set(network, meter)
    }
    const decision = await meter.acquire(1, background)
    if (decision.allowed) return
    throw new Failure('limit.rate', 'Too many attempts from this network.', { retryAfterMs: decision.retryAfterMs })
  }
}
