import type { Hono } from 'hono'
import { Failure } from '#mesh/errors.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, backgroundOf } from './context.ts'

/** Live: this isolate runs. Ready: it can also reach the core. */
export function health(app: Hono<AppEnv>, { feed }: Deps): void {
  app.get('/health/live', (c) => c.json({ status: 'ok' }))
  app.get('/health/ready', async (c) => {
    if (await feed.settle(backgroundOf(c))) return c.json({ status: 'ok' })
    throw new Failure('core.unavailable', 'The core does not answer.', { retryAfterMs: 2_000 })
  })
}
