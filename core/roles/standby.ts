import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Env } from '../env.ts'
import { type Leases, singleRoles } from './leases.ts'

/** A free lease is had sooner. */
const atOnceMs = 1_000

/** Waits until this process may be what it is to be; meanwhile it is live, and not ready. */
export async function standBy({ ROLES, CORE_HOST, CORE_HTTP_PORT }: Env, leases: Leases): Promise<void> {
  const held = Promise.all(singleRoles.filter((role) => ROLES.has(role)).map((role) => leases[role].held))
  if ((await Promise.race([held, sleep(atOnceMs, 'waits')])) !== 'waits') return
  const server = createServer(({ url }, response) => {
    const isLive = url === '/health/live'
    response.writeHead(isLive ? 200 : 503, { 'content-type': 'application/json', 'retry-after': '2' })
    response.end(JSON.stringify(isLive ? { live: true } : { ready: false, unready: ['standing by'] }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(CORE_HTTP_PORT, CORE_HOST, resolve)
  })
  await held
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
