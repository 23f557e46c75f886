import type { Logger } from 'pino'
import type { Budgets } from '../budgets.ts'
import type { ChangeEvent } from '../ingest/index.ts'
import type { SystemStream } from '../stream/index.ts'
import type { CatalogLimits } from './limits.ts'
import type { ResourceName } from './resources.ts'
import type { CatalogStore } from './store.ts'

export interface CatalogOptions {
  readonly stores: Readonly<Record<ResourceName, CatalogStore>>
  /** Makes changes durable as events of a stream of the workspace. Doing it again for the same change is doing it once. */
  readonly writeChanges: (workspace: string, stream: SystemStream, changes: readonly ChangeEvent[]) => Promise<void>
  readonly budgets: Budgets
  readonly limits: CatalogLimits
  readonly logger: Logger
}

/** What every verb is given. */
export interface Deps extends CatalogOptions {
  /** Says that there is something in the outbox. */
  readonly wake: (resource: ResourceName) => void
}
