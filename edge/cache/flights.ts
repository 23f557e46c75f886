import { Failure } from '#mesh/errors.ts'
import { abortReason } from '#mesh/rpc/run.ts'
import type { Background } from '../core.ts'

interface Flight<T> {
  readonly result: Promise<T>
  readonly startedAt: number
  waiting: number
  settled: boolean
  /** Nobody waits any more: the call may stop. */
  abandon(): void
}

export interface Passenger {
  readonly signal?: AbortSignal | undefined
  readonly background: Background
}

/**
 * Longer than a query may take: what has not ended by then belonged to a request that was torn down. So did what began
 * after now, if the clock was set back.
 */
const lostMs = 35_000

export type Flights<T> = ReturnType<typeof createFlights<T>>

/** Identical questions share one call. Each caller may leave by itself; the call stops when the last has left. */
export function createFlights<T>({ now }: { readonly now: () => number }) {
  const flights = new Map<string, Flight<T>>()

  function isLost({ startedAt }: Flight<T>): boolean {
    return Math.abs(now() - startedAt) > lostMs
  }

  function launch(key: string, call: (signal: AbortSignal) => Promise<T>, background: Background): Flight<T> {
    const controller = new AbortController()
    let abandon = (): void => undefined
    // workerd allows only the request that began a call to abort it, so leaving is told by a promise.
    const abandoned = new Promise<void>((resolve) => {
      abandon = resolve
    })
    void abandoned.then(() => controller.abort(new Failure('request.cancelled', 'Every caller went away.')))
    const result = call(controller.signal).finally(() => {
      flight.settled = true
      if (flights.get(key) === flight) flights.delete(key)
    })
    const flight: Flight<T> = { result, startedAt: now(), waiting: 0, settled: false, abandon }
    flights.set(key, flight)
    background.waitUntil(result.catch(() => undefined))
    return flight
  }

  return {
    /** How long the call under this key has been on its way. */
    ageMs(key: string): number {
      const flight = flights.get(key)
      return flight === undefined || isLost(flight) ? 0 : Math.max(0, now() - flight.startedAt)
    },

    /** The result of the call under this key, begun by whoever came first. */
    async board(
      key: string,
      { signal, background }: Passenger,
      call: (signal: AbortSignal) => Promise<T>,
    ): Promise<{ result: T; first: boolean }> {
      let flight = flights.get(key)
      const first = flight === undefined || isLost(flight)
      if (flight === undefined || first) flight = launch(key, call, background)
      flight.waiting++
      try {
        return { result: await (signal ? Promise.race([flight.result, leaving(signal)]) : flight.result), first }
      } finally {
        flight.waiting--
        if (flight.waiting === 0 && !flight.settled) {
          if (flights.get(key) === flight) flights.delete(key)
          flight.abandon()
        }
      }
    },
  }
}

/** Rejects when the caller leaves. */
function leaving(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const leave = (): void => reject(abortReason(signal))
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
}
