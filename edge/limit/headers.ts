import type { Decision } from './limiter.ts'
import { nearShare, type Policy } from '#mesh/window.ts'

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/: structured fields, most binding last. */
export function rateLimitPolicy(policies: readonly Policy[]): string {
  return policies
    .filter(({ limit }) => limit > 0)
    .map(({ name, limit, windowMs }) => `${quoted(name)};q=${limit};w=${Math.round(windowMs / 1000)}`)
    .join(', ')
}

export function rateLimit(decisions: readonly Decision[]): string {
  let text = ''
  for (const { policy, remaining, resetMs } of decisions) {
    if (policy.limit === 0) continue
    if (text !== '') text += ', '
    text += `${quoted(policy.name)};r=${remaining};t=${Math.ceil(resetMs / 1000)}`
  }
  return text
}

/** Of which limits more than four fifths are used: what they are is in RateLimit and RateLimit-Policy. */
export function planWarning(decisions: readonly Decision[]): string {
  return decisions
    .filter(isNear)
    .map(({ policy }) => quoted(policy.name))
    .join(', ')
}

/** What an answer says of the limits that it was charged to. */
export function limitFields(decisions: readonly Decision[]): Record<string, string> {
  const policies = rateLimitPolicy(decisions.map(({ policy }) => policy))
  if (policies === '') return {}
  const warning = planWarning(decisions)
  return {
    'ratelimit-policy': policies,
    ratelimit: rateLimit(decisions),
    ...(warning !== '' && { 'edgewise-plan-warning': warning }),
  }
}

export function isNear({ policy: { limit }, remaining }: Decision): boolean {
  return limit > 0 && limit - remaining >= limit * nearShare
}

function quoted(name: string): string {
  return /^[\w.:-]+$/.test(name) ? `"${name}"` : `"${name.replaceAll(/[^\w.:-]/g, '_')}"`
}
