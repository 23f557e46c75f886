import type { Logger } from 'pino'
import type { ControlDb } from '../storage/control.ts'
import { deleteLease, takeLease } from './store-leases.ts'

const ttlMs = 15_000
const renewEveryMs = 3_000
/** It is given up here so much sooner than another may take it. */
const marginMs = 5_000

/** What one process does for all: it may be dead, or only slow, so it must know by its own clock when it is over. */
export interface Lease {
  /** Whether this process has it, for as long as it takes to write something. */
  isHeld(): boolean
  /** Resolves when it has it. */
  readonly held: Promise<void>
  /** Lets another have it. */
  release(): Promise<void>
}

export interface LeaseOptions {
  readonly db: ControlDb
  readonly name: string
  /** Who asks: the same after a restart, so that it need not wait for itself; never two at once. */
  readonly holder: string
  readonly logger: Logger
  /** Another has taken what was held here. */
  readonly onLost: () => void
}

/** For where there is no other process. */
export const unshared: Lease = { isHeld: () => true, held: Promise.resolve(), release: () => Promise.resolve() }

/**
 * A lease in the control store (Gray and Cheriton, 1989), by the store's clock. While the store is away it is not held, and
 * goes on where it was unless another was quicker.
 */
export function openLease({ db, name, holder, logger, onLost }: LeaseOptions): Lease {
  const { promise: held, resolve } = Promise.withResolvers<void>()
  let askedAt: { readonly steadyMs: number; readonly wallMs: number } | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let isClosed = false
  let isWaiting = false

  async function ask(): Promise<void> {
    const now = { steadyMs: performance.now(), wallMs: Date.now() }
    if (await takeLease(db, name, holder, ttlMs)) {
      askedAt = now
      resolve()
    } else if (askedAt !== undefined) onLost()
    else if (!isWaiting) {
      isWaiting = true
      logger.info({ lease: name }, 'another process has the lease; this one stands by')
    }
  }

  let asking: Promise<void> = Promise.resolve()
  function again(): void {
    asking = ask()
      .catch((error: unknown) => logger.warn({ err: error, lease: name }, 'a lease could not be renewed'))
      .then(() => {
        if (!isClosed) timer = setTimeout(again, renewEveryMs)
      })
  }
  again()

  return {
    held,
    isHeld() {
      if (askedAt === undefined || isClosed) return false
      // A machine that was suspended has one clock that stood still; one that was set back has the other.
      const agoMs = Math.max(performance.now() - askedAt.steadyMs, Date.now() - askedAt.wallMs)
      return agoMs < ttlMs - marginMs
    },
    async release() {
      isClosed = true
      clearTimeout(timer)
      await asking
      await deleteLease(db, name, holder).catch((error: unknown) =>
        logger.warn({ err: error, lease: name }, 'a lease was not given back; it ends by itself'),
      )
    },
  }
}
