import { changeEvent } from './change-event.ts'
import type { CatalogOptions } from './deps.ts'
import { type ResourceName, resources } from './resources.ts'
import type { CatalogStore } from './store.ts'

/** Moments at which a test may end the process, to see what survives. */
export type FailPoint = 'before-send' | 'after-send'

export interface RelayDeps extends Pick<CatalogOptions, 'writeChanges' | 'limits' | 'logger'> {
  readonly failPoint?: (at: FailPoint) => void
}

/**
 * Takes changes from the outbox to their streams. One that was sent and not marked is sent again, by this process or another:
 * its event is the same then, and a repeat of an event is dropped on its way to the table.
 */
export function createRelay(deps: RelayDeps, stores: Readonly<Partial<Record<ResourceName, CatalogStore>>>) {
  const { limits, logger } = deps
  const all = Object.values(stores)
  const running = new Map<CatalogStore, Promise<void>>()
  const again = new Set<CatalogStore>()
  /** It was said of these already. */
  const failing = new Set<CatalogStore>()
  let timer: ReturnType<typeof setInterval> | undefined
  const stopped = new AbortController()

  /** Sends what there is; what cannot be sent is lent for a while yet, and taken again then. */
  async function drain(store: CatalogStore): Promise<void> {
    const resource = resources[store.resource]
    while (!stopped.signal.aborted) {
      again.delete(store)
      const changes = await store.takeOutbox(limits.outboxBatch, limits.leaseMs)
      if (changes.length === 0) return
      for (const [workspace, some] of Map.groupBy(changes, (change) => change.workspace)) {
        deps.failPoint?.('before-send')
        const events = some.map((change) => changeEvent(resource, change))
        await deps.writeChanges(workspace, resource.stream, events)
        deps.failPoint?.('after-send')
        await store.markSent(some.map(({ key }) => key))
      }
    }
  }

  async function run(store: CatalogStore): Promise<void> {
    try {
      do await drain(store)
      while (again.has(store) && !stopped.signal.aborted)
      failing.delete(store)
    } catch (error) {
      const { resource } = store
      if (!failing.has(store)) logger.error({ err: error, resource }, 'changes could not be sent; they are sent later')
      failing.add(store)
    } finally {
      running.delete(store)
    }
  }

  function wake(store: CatalogStore): void {
    again.add(store)
    if (!stopped.signal.aborted && !running.has(store)) running.set(store, run(store))
  }

  return {
    /** Looks after what others left, from now on. */
    start(): void {
      timer = setInterval(() => all.forEach(wake), limits.pollMs)
      all.forEach(wake)
    },
    wake(resource: ResourceName): void {
      const store = stores[resource]
      if (store !== undefined) wake(store)
    },
    async close(): Promise<void> {
      stopped.abort()
      clearInterval(timer)
      await Promise.all(running.values())
    },
  }
}
