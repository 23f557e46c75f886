import { Failure } from '#mesh/errors.ts'

/** Lets work in while all bodies at work fit the bound; the rest is told to come back. */
export type Room = <T>(bytes: number, work: () => Promise<T>) => Promise<T>

export function createRoom(maxBytes: number): Room {
  let taken = 0
  return async (bytes, work) => {
    // One body alone always fits: its own bound is checked where it is read.
    if (taken > 0 && taken + bytes > maxBytes) {
      throw new Failure('limit.queue_full', 'Too many batches are being taken in at once.', { retryAfterMs: 1_000 })
    }
    taken += bytes
    try {
      return await work()
    } finally {
      taken -= bytes
    }
  }
}
