import { Failure } from '#mesh/errors.ts'

/** The memory of one piece of work; it may turn out to need more. */
export interface Held {
  grow(bytes: number): void
}

/** Lets work in while all bodies at work fit the bound; the rest is told to come back. */
export type Room = <T>(bytes: number, work: (held: Held) => Promise<T>) => Promise<T>

export function createRoom(maxBytes: number): Room {
  let taken = 0
  return async (bytes, work) => {
    let own = 0
    const grow = (more: number) => {
      // One body alone always fits: its own bound is checked where it is read.
      if (taken > own && taken + more > maxBytes) {
        throw new Failure('limit.queue_full', 'Too many batches are being taken in at once.', { retryAfterMs: 1_000 })
      }
      own += more
      taken += more
    }
    grow(bytes)
    try {
      return await work({ grow })
    } finally {
      taken -= own
    }
  }
}
