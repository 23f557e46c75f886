import type { Service } from '#mesh/rpc/call.ts'
import type { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { configService } from './rpc.ts'
import { deleteChangesBefore } from './store.ts'
import type { Deps } from './watch.ts'

export { checkName, claimName, releaseName } from './names.ts'
export { insertChange as recordChange } from './store.ts'

export const migrations = { domain: 'config', folder: new URL('./migrations', import.meta.url) }

const keptMs = 3_600_000

export interface Config {
  readonly service: Service<typeof ConfigService>
  /** Forgets changes that no edge can still be waiting for. Called on a schedule. */
  prune(now: number): Promise<void>
}

export function createConfig(deps: Deps): Config {
  return {
    service: configService(deps),
    prune: (now) => deleteChangesBefore(deps.db, new Date(now - keptMs)),
  }
}
