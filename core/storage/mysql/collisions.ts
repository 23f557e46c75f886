import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../database-error.ts'

const maxAttempts = 5
const longestPauseMs = 100

/** A deadlock, and a row that another made first: the transaction was taken back, so it can be done again. */
const collisions: ReadonlySet<string> = new Set(['ER_LOCK_DEADLOCK', 'ER_DUP_ENTRY', 'ER_CHECKREAD'])

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

export function isCollision(thrown: unknown): boolean {
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) if (collisions.has(codeOf(at))) return true
  return false
}
