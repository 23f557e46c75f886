import type { Service } from '#mesh/rpc/call.ts'
import type { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import type { GatewayService } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { gatewayService } from './gateway-rpc.ts'
import type { GatewayDeps } from './put-route.ts'
import { resealRoutes } from './routes.ts'
import { configService } from './rpc.ts'
import { deleteChangesBefore } from './store.ts'

export { type Lease, openLease, unshared } from './lease.ts'
export { checkName, claimName, releaseName } from './names.ts'
export { insertChange as recordChange, kindsOf } from './store.ts'

export const migrations = { domain: 'config', folder: new URL('./migrations', import.meta.url) }

const keptMs = 3_600_000

export interface Config {
  readonly service: Service<typeof ConfigService>
  readonly gateway: Service<typeof GatewayService>
  /** Puts what it keeps sealed under the current master key. */
  reseal(): Promise<void>
  /** Forgets changes that no edge can still be waiting for. Called on a schedule. */
  prune(now: number): Promise<void>
}

export function createConfig(deps: GatewayDeps): Config {
  return {
    service: configService(deps),
    gateway: gatewayService(deps),
    reseal: () => resealRoutes(deps),
    prune: (now) => deleteChangesBefore(deps.db, new Date(now - keptMs)),
  }
}
