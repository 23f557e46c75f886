import { Failure } from '../errors.ts'
import { breaker as breakerPolicy } from '../policy.ts'
import type { Pass } from './breaker.ts'
import { abortReason } from './run.ts'

/** The server keeps the same deadline and knows better what it was doing: its words are waited for this long. */
const serverGraceMs = 25

/** What watches over one attempt. */
export interface Guard {
  readonly signal: AbortSignal
  leftMs(): number
  /** The work, failing with the reason of the abort, or as unavailable if it fails by itself. */
  during<T>(work: Promise<T>): Promise<T>
  heard(): void
  /** With what it failed of, if it did. */
  release(failure?: Failure): void
}

/** One signal for the deadline and the caller's own signal, and the attempt's place in the breaker. */
export function watch(deadline: number, caller: AbortSignal | undefined, pass: Pass): Guard {
  const startedAt = Date.now()
  let heard = false
  const controller = new AbortController()
  const leave = (): void => {
    if (caller !== undefined) controller.abort(abortReason(caller))
  }
  if (caller?.aborted === true) leave()
  caller?.addEventListener('abort', leave, { once: true })
  const leftMs = (): number => Math.max(0, Math.ceil(deadline - Date.now()))
  const passed = (): void =>
    controller.abort(new Failure('limit.deadline', 'The deadline passed before the answer came.'))
  if (leftMs() === 0) passed()
  const timer = setTimeout(passed, leftMs() + serverGraceMs)
  return {
    signal: controller.signal,
    leftMs,
    async during(work) {
      try {
        return await unlessAborted(controller.signal, work)
      } catch (cause) {
        throw controller.signal.aborted ? abortReason(controller.signal) : unavailable(cause)
      }
    },
    heard() {
      if (!heard) pass.heard()
      heard = true
    },
    release(failure) {
      clearTimeout(timer)
      caller?.removeEventListener('abort', leave)
      pass.leave({
        lost: !heard && failure !== undefined && isSilence(failure, deadline - startedAt),
        overloaded: failure?.problem === 'limit.overload' || failure?.problem === 'limit.queue_full',
      })
    },
  }
}

/** Whether a failure of which nothing was received is the service's doing. */
function isSilence({ problem }: Failure, waitMs: number): boolean {
  if (problem === 'limit.deadline') return waitMs >= breakerPolicy.shortestWaitMs
  return problem === 'core.unavailable'
}

/** Settles with the work or with the abort, whichever is first: also where `fetch` does not heed its signal. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let abort: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortReason(signal))
  })
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

export function unavailable(cause: unknown): Failure {
  return new Failure('core.unavailable', 'The core does not answer.', { cause })
}
