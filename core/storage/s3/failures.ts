import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '#mesh/errors.ts'

const firstPauseMs = 100
const longestPauseMs = 2_000
const retryAfterMs = 2_000

const network = /^(?:ECONN\w+|EPIPE|ETIMEDOUT|E(?:HOST|NET)\w+|ENOTFOUND|EAI_AGAIN)$/
/** Those that have no status, or one that says that it is the caller's fault. The last: an upload that is to begin anew. */
const passing: ReadonlySet<string> = new Set([
  'TimeoutError',
  'AbortError',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'NoSuchUpload',
])

/** What the client says of an error, whatever wraps it. */
interface Said {
  readonly name: string
  readonly message: string
  readonly code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** The client's own error: our library wraps it, and the client wraps those of the network by themselves. */
function innermost(error: unknown): Said {
  let at = error
  while (at instanceof Error && at.cause instanceof Error) at = at.cause
  if (at instanceof AggregateError && at.errors.length > 0) return innermost(at.errors.at(-1))
  return at instanceof Error ? at : { name: 'Error', message: String(at) }
}

/** The error's code in S3's own words, or the system's; else the name of its kind. */
export function codeOf(error: unknown): string {
  const { name, code } = innermost(error)
  return typeof code === 'string' ? code : name
}

export function wordsOf(error: unknown): string {
  const { message, name } = innermost(error)
  return (message === '' ? name : message).replace(/\.$/, '')
}

/** Whether asking again may help: the server, or the way to it, is what failed. */
export function isAway(error: unknown): boolean {
  if (error instanceof Failure) return error.retryable
  const { name, message, $metadata } = innermost(error)
  const status = $metadata?.httpStatusCode
  if (passing.has(name) || status === 429 || (status !== undefined && status >= 500)) return true
  // What arrived is not what its checksum says, or not all of it did.
  return network.test(codeOf(error)) || /^(?:Checksum mismatch|aborted|terminated)/.test(message)
}

/** Does what can be done twice until it succeeds, fails for good or has been tried for so long. */
export async function patiently<T>(work: () => Promise<T>, forMs: number): Promise<T> {
  const until = performance.now() + forMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await work()
    } catch (error) {
      // Spread, so that many who lost the same server do not come back at once.
      const waitMs = pauseMs * (0.5 + Math.random())
      if (!isAway(error) || performance.now() + waitMs > until) throw error
      await sleep(waitMs)
    }
  }
}

/** What callers are told. The cause is for the log, without what the client's error has beside its words: signatures. */
export function unavailable(error: unknown): Failure {
  if (error instanceof Failure) return error
  const said = isAway(error) ? 'does not answer' : 'refuses'
  const cause = new Error(`${codeOf(error)}: ${wordsOf(error)}`)
  return new Failure('objects.unavailable', `The object store ${said}.`, { retryAfterMs, cause })
}
