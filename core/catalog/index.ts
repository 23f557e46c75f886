import type { Service } from '#mesh/rpc/call.ts'
import type { CatalogService } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import type { CatalogOptions } from './deps.ts'
import { createRelay } from './relay.ts'
import { catalogService } from './rpc.ts'

export { catalogLimits } from './limits.ts'
export type { ResourceName } from './resources.ts'
export type { CatalogStore, Change } from './store.ts'
export { mongoIndexes, mongoStore } from './store.mongodb.ts'
export { postgresStore } from './store.postgres.ts'

export const migrations = { domain: 'catalog', folder: new URL('./migrations', import.meta.url) }

export interface Catalog {
  readonly service: Service<typeof CatalogService>
  /** Sends what a process of before left in the outbox, and looks into it from now on. */
  start(): void
  /** What is being sent is sent. */
  close(): Promise<void>
}

export function createCatalog(options: CatalogOptions): Catalog {
  const relay = createRelay(options, options.stores)
  return {
    service: catalogService({ ...options, wake: relay.wake }),
    start: relay.start,
    close: relay.close,
  }
}
