/**
 * Many may write to a stream at once; making, changing and dropping it is done alone. Waiting is fair: whoever comes
 * after one that wants to be alone waits for it.
 */
export interface Locks {
  shared<T>(key: string, work: () => Promise<T>): Promise<T>
  alone<T>(key: string, work: () => Promise<T>): Promise<T>
}

interface Queue {
  /** Resolves when the last one that asked to be alone is done. */
  lastAlone: Promise<void>
  /** Those sharing since then. */
  sharing: Set<Promise<void>>
  users: number
}

export function createLocks(): Locks {
  const queues = new Map<string, Queue>()

  async function run<T>(key: string, isAlone: boolean, work: () => Promise<T>): Promise<T> {
    const queue = queues.get(key) ?? { lastAlone: Promise.resolve(), sharing: new Set(), users: 0 }
    queues.set(key, queue)
    queue.users++
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = isAlone ? [queue.lastAlone, ...queue.sharing] : [queue.lastAlone]
    const { sharing } = queue
    if (isAlone) {
      queue.lastAlone = promise
      queue.sharing = new Set()
    } else sharing.add(promise)
    try {
      await Promise.all(before)
      return await work()
    } finally {
      sharing.delete(promise)
      resolve()
      if (--queue.users === 0) queues.delete(key)
    }
  }

  return {
    shared: (key, work) => run(key, false, work),
    alone: (key, work) => run(key, true, work),
  }
}
