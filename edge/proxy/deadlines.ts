import type { Background } from '../core.ts'

const tickMs = 100
/** Whoever ticked was torn down. */
const lostMs = 1_000

interface Entry {
  readonly at: number
  late(): void
}

export type Deadlines = ReturnType<typeof createDeadlines>

/**
 * Deadlines to a tenth of a second, for many at once: a timer for each request would cost a fifteenth of it. One request
 * ticks for all while there are any, and workerd lets what is found late go on in the request that it belongs to.
 */
export function createDeadlines({
  now,
  sleep,
}: {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
}) {
  const waiting = new Set<Entry>()
  let tickedAt = Number.NEGATIVE_INFINITY

  async function tick(): Promise<void> {
    while (waiting.size > 0) {
      await sleep(tickMs)
      tickedAt = now()
      for (const entry of waiting) {
        if (entry.at > tickedAt) continue
        waiting.delete(entry)
        entry.late()
      }
    }
    tickedAt = Number.NEGATIVE_INFINITY
  }

  return {
    /** What the work comes to, or undefined at its deadline. The work itself goes on, as long as its request does. */
    within<T>(work: Promise<T>, at: number, background: Background): Promise<T | undefined> {
      return new Promise((resolve, reject) => {
        const entry = { at, late: () => resolve(undefined) }
        waiting.add(entry)
        work.then(
          (result) => {
            waiting.delete(entry)
            resolve(result)
          },
          (thrown: unknown) => {
            waiting.delete(entry)
            reject(thrown)
          },
        )
        if (Math.abs(now() - tickedAt) < lostMs) return
        tickedAt = now()
        background.waitUntil(tick())
      })
    },
  }
}
