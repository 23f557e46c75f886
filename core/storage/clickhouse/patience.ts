import { setTimeout as sleep } from 'node:timers/promises'

const firstPauseMs = 50
const longestPauseMs = 1_000

/** What fails before anything is sent: nobody listens, or the name is not known at the moment. */
const unreached = /^(?:ECONNREFUSED|EAI_AGAIN|ENOTFOUND|E(?:HOST|NET)UNREACH)$/

/** Tries again, with jitter, while there is no connection; what was sent may have been done, and is not sent again. */
export async function untilConnected<T>(patienceMs: number, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await send()
    } catch (error) {
      const waitMs = pauseMs * (0.5 + Math.random())
      if (!unreached.test(codeOf(error)) || performance.now() + waitMs > until) throw error
      await sleep(waitMs, undefined, { signal })
    }
  }
}

/** The system's code of an error, or of the last address that was tried; empty where there is none. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1))
  const code: unknown = (error as { readonly code?: unknown } | undefined)?.code
  if (typeof code === 'string') return code
  return error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : ''
}
