/** A fixed number of slots and a bounded queue before them, so that one kind of work cannot starve another. */
export interface Lane {
  /** Runs `work` in a free slot, whose number it is given. Rejects with `LaneFull` when the queue is full. */
  run<T>(work: (slot: number) => Promise<T>): Promise<T>
}

export class LaneFull extends Error {
  override readonly name = 'LaneFull'
}

export function createLane({ slots, queue }: { slots: number; queue: number }): Lane {
  const free = Array.from({ length: slots }, (_, slot) => slot)
  const waiting: ((slot: number) => void)[] = []

  async function acquire(): Promise<number> {
    const slot = free.pop()
    if (slot !== undefined) return slot
    if (waiting.length >= queue) throw new LaneFull('Too many simultaneous queries')
    return new Promise((resolve) => waiting.push(resolve))
  }

  function release(slot: number): void {
    const next = waiting.shift()
    if (next !== undefined) return next(slot)
    free.push(slot)
  }

  return {
    async run(work) {
      const slot = await acquire()
      try {
        return await work(slot)
      } finally {
        release(slot)
      }
    },
  }
}
