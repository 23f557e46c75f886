import type { Logger } from 'pino'
import type { Role } from '#mesh/roles.ts'
import type { Env } from '../env.ts'
import type { Log } from '../storage/log.ts'
import { consumerGroups } from '../stream/index.ts'
import type { Domains } from './domains.ts'
import type { Leases } from './leases.ts'

const everyMs = 60_000
const oftenMs = 1_000

export interface ChoresOptions {
  readonly env: Env
  readonly domains: Domains
  readonly eventLog: Log
  readonly leases: Leases
  readonly log: Logger
}

/** What is done again and again, by the one process that has the lease of its role; answers how to end it. */
export function startChores({ env, domains, eventLog, leases, log }: ChoresOptions): () => void {
  const { audit, config, identity, ingest, kafka, model } = domains
  const isMine = (role: Role): boolean => env.ROLES.has(role) && leases[role].isHeld()

  async function tend(): Promise<void> {
    const now = Date.now()
    const expiry = { before: now - env.LOG_RETENTION_HOURS * 3_600_000, groups: consumerGroups }
    await Promise.all([
      identity.writeUsed(),
      ...(isMine('identity') ? [audit.tend(now), config.prune(now), identity.tend()] : []),
      ...(isMine('ingest') ? [ingest.prune(now), kafka.prune(now), eventLog.expire(expiry)] : []),
      ...(model !== undefined && isMine('model') ? [model.tend()] : []),
    ])
  }

  const timers = [
    setInterval(() => {
      tend().catch((error: unknown) => log.error({ err: error }, 'a chore failed; it is tried again in a minute'))
    }, everyMs),
    ...(model === undefined ? [] : [model.tendRollouts, model.tendWatches]).map((often) => {
      let isTending = false
      return setInterval(() => {
        if (isTending || !isMine('model')) return
        isTending = true
        often()
          .catch((error: unknown) => log.error({ err: error }, 'models could not be looked after; again in a second'))
          .finally(() => (isTending = false))
      }, oftenMs)
    }),
  ]
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
