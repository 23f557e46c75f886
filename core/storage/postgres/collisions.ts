import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../database-error.ts'

const maxAttempts = 4
const longestPauseMs = 100

/** A deadlock, and a snapshot that did not hold: the server took everything back, so it can be done again. */
const collisions: ReadonlySet<string> = new Set(['40P01', '40001'])

/** Does a transaction again where it collided with another. */
export async function untilAlone<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (thrown) {
      if (attempt === maxAttempts || !isCollision(thrown)) throw thrown
      await sleep(Math.random() * longestPauseMs)
    }
  }
}

function isCollision(thrown: unknown): boolean {
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) if (collisions.has(codeOf(at))) return true
  return false
}
