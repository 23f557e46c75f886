import { setTimeout as sleep } from 'node:timers/promises'
import type { Child, Ended } from './core.ts'

/** More than this many unexpected ends within the window, and something is wrong that another start does not mend. */
const maxRestarts = 5
const windowMs = 60_000
const firstPauseMs = 250
const longestPauseMs = 10_000

export interface Supervised {
  readonly name: string
  /** The one that runs already. */
  readonly first: Child<unknown>
  readonly again: () => Child<unknown> | Promise<Child<unknown>>
  /** Ends that another start would only repeat. */
  readonly hopeless: (end: Ended) => boolean
  readonly graceMs: number
}

export interface Supervisor {
  /** Resolves with the name and end of a child that could not be kept running. */
  readonly failed: Promise<{ readonly name: string; readonly end: Ended }>
  /** Ends the one that runs; the next takes its place at once. */
  restart(): void
  stop(): Promise<Ended>
}

/** Keeps one child running: starts it again, ever later, when it ends unexpectedly. */
export function supervise(
  { name, first, again, hopeless, graceMs }: Supervised,
  say: (text: string) => void,
): Supervisor {
  let current = first
  let stopped = false
  let wanted = false
  const starts: number[] = []

  async function next(): Promise<void> {
    current = await again()
    if (stopped) await current.stop(graceMs)
  }

  const failed = (async () => {
    for (;;) {
      const end = await current.ended
      if (stopped) return new Promise<never>(() => undefined)
      if (wanted) {
        wanted = false
        await next()
        continue
      }
      const now = Date.now()
      while (starts[0] !== undefined && now - starts[0] > windowMs) starts.shift()
      if (hopeless(end) || starts.length >= maxRestarts) return { name, end }
      const pauseMs = Math.min(firstPauseMs * 2 ** starts.length, longestPauseMs)
      starts.push(now)
      say(`The ${name} ended unexpectedly (${reasonOf(end)}); it is started again in ${pauseMs} ms.`)
      // Whatever it left behind must not hold its port or its files.
      await current.stop(0)
      await sleep(pauseMs)
      if (stopped) return new Promise<never>(() => undefined)
      await next()
      current.ready.then(
        () => say(`The ${name} runs again (process ${current.pid ?? 'unknown'}).`),
        () => undefined,
      )
    }
  })()

  return {
    failed,
    restart() {
      wanted = true
      void current.stop(graceMs)
    },
    stop() {
      stopped = true
      return current.stop(graceMs)
    },
  }
}

export function reasonOf({ code, signal }: Ended): string {
  return signal === null ? `exit code ${String(code)}` : signal
}
