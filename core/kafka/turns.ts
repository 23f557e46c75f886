/** Does work of one key one after another, in the order in which it comes. */
export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>

export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>()
  return async (key, work) => {
    const before = last.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    last.set(key, promise)
    await before
    try {
      return await work()
    } finally {
      if (last.get(key) === promise) last.delete(key)
      resolve()
    }
  }
}
