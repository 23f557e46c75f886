import type { Hono } from 'hono'
import { Failure } from '#mesh/errors.ts'
import type { Breaker } from '#mesh/rpc/breaker.ts'
import { credentialOf } from '../auth/credential.ts'
import { digest } from '../auth/digest.ts'
import type { Deps } from '../deps.ts'
import type { AppEnv } from './context.ts'

/** For Prometheus, with a token of its own. To everybody else it is not there. */
export function metrics(app: Hono<AppEnv>, { metrics, answers, core, feed, settings }: Deps): void {
  app.get('/metrics', (c) => {
    const credential = credentialOf(c.req.raw.headers)
    // Digests are compared, so that the time it takes says nothing of the token.
    if (
      settings.METRICS_TOKEN === undefined ||
      typeof credential !== 'string' ||
      digest(credential) !== digest(settings.METRICS_TOKEN)
    ) {
      throw new Failure('request.route', 'There is nothing at /metrics.')
    }
    const gauges = { cache_bytes: answers.bytes, cache_answers: answers.size, feed_age_seconds: feed.ageMs() / 1000 }
    return c.text(metrics.text(gauges) + breakersText(core.breakers), 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    })
  })
}

function breakersText(breakers: Deps['core']['breakers']): string {
  const lines: string[] = []
  const add = (name: string, type: string, value: (breaker: Breaker) => number): void => {
    lines.push(`# TYPE edgewise_core_${name} ${type}`)
    for (const [service, breaker] of Object.entries(breakers)) {
      lines.push(`edgewise_core_${name}{service="${service}"} ${value(breaker)}`)
    }
  }
  add('breaker_open', 'gauge', ({ open }) => Number(open))
  add('calls_in_flight', 'gauge', ({ inFlight }) => inFlight)
  add('calls_limit', 'gauge', ({ limit }) => limit)
  add('calls_refused_total', 'counter', ({ refused }) => refused)
  return `${lines.join('\n')}\n`
}
