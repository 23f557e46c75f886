import type { Hono } from 'hono'
import { Failure } from '#mesh/errors.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, backgroundOf } from './context.ts'

/**
 * Live: this isolate runs. Ready: it can also reach the core. A single service that does not answer is said, but does not
 * make the edge unready: every other edge would be so too, and what needs that service not is served.
 */
export function health(app: Hono<AppEnv>, { core, feed }: Deps): void {
  app.get('/health/live', (c) => c.json({ status: 'ok' }))
  app.get('/health/ready', async (c) => {
    if (await feed.settle(backgroundOf(c))) {
      const failing = Object.entries(core.breakers).flatMap(([service, { open }]) => (open ? [service] : []))
      return c.json({ status: 'ok', ...(failing.length > 0 && { failing }) })
    }
    throw new Failure('core.unavailable', 'The core does not answer.', { retryAfterMs: 2_000 })
  })
}
