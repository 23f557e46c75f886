import type { Decision } from './limiter.ts'
import type { Policy } from '#mesh/window.ts'

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

function quoted(name: string): string {
  return /^[\w.:-]+$/.test(name) ? `"${name}"` : `"${name.replaceAll(/[^\w.:-]/g, '_')}"`
}
