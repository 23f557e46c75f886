import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Failure } from '#mesh/errors.ts'
import type { MasterKeys } from '../master-key.ts'
import type { Domains } from './domains.ts'

/** What must be so before anybody is answered. Answers the first administrator's key, where it was made now. */
export async function begin(
  roles: ReadonlySet<string>,
  { audit, config, identity, ingest }: Domains,
  masterKeys: MasterKeys,
  log: Logger,
): Promise<string | undefined> {
  // A master key that is not the one of before is found out now, and not by the first who needs a secret.
  const resealed = await identity.reseal()
  if (roles.has('ingest')) await afterRestarts(() => ingest.maskStreams())
  const adminKey = roles.has('identity') ? await beginIdentity() : undefined
  if (roles.has('ingest')) {
    // Whoever had the lease before has none of it under way any more.
    const interrupted = await audit.settle()
    if (interrupted > 0) log.warn({ changes: interrupted }, 'changes that were cut short are in the audit log')
  }
  return adminKey

  async function beginIdentity(): Promise<string | undefined> {
    await audit.reseal()
    await config.reseal()
    if (resealed > 0) log.warn({ secrets: resealed, key: masterKeys.from }, 'secrets are under the new master key')
    // Not at once: what was just written does not survive a power cut yet, and the old key would open what comes back.
    else masterKeys.settled()
    return afterRestarts(() => identity.bootstrap())
  }
}

/** What may be begun again, whenever the warehouse's process goes away amid it. */
async function afterRestarts<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 5; ; left--) {
    try {
      return await work()
    } catch (thrown) {
      if (left === 0 || !(thrown instanceof Failure) || thrown.problem !== 'warehouse.restarted') throw thrown
      await sleep(thrown.retryAfterMs ?? 1_000)
    }
  }
}
