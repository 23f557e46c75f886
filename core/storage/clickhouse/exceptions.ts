/** ClickHouse's exceptions as they come over HTTP. */
import { Failure } from '#mesh/errors.ts'

import { WarehouseError } from '../warehouse.ts'

/**
 * `Code: 62. DB::Exception: the message. (SYNTAX_ERROR) (version 26.7.2.1 …)`. A rethrown one repeats this frame around
 * itself; the last name is the one that counts. The text may hold what a user wrote, so nothing here looks at it twice.
 */
export function parseException(text: string, number?: number): WarehouseError {
  const code = number ?? Number(/^\s*Code: (\d+)/.exec(text)?.[1] ?? 1002)
  let message = text.trim()
  while (frame.test(message)) message = message.replace(frame, '')
  let kind: string | undefined
  for (;;) {
    const version = message.lastIndexOf(' (version ')
    if (version >= 0 && message.length - version < maxVersionLength) message = message.slice(0, version).trimEnd()
    const name = lastName(message)
    if (name === undefined) return new WarehouseError(code, kind ?? 'UNKNOWN_EXCEPTION', message)
    kind ??= name
    message = message.slice(0, message.lastIndexOf('(')).trimEnd()
  }
}

const frame = /^Code: \d+\. DB::Exception: /
const maxVersionLength = 100

/** The name at the very end: `… (SYNTAX_ERROR)`. */
function lastName(message: string): string | undefined {
  const at = message.lastIndexOf('(')
  return /^\(([A-Z][A-Z0-9_]{2,79})\)\.?$/.exec(message.slice(Math.max(at, message.length - 100)))?.[1]
}

/** What an answer other than 2xx means. */
export function toRefusal(status: number, code: string | undefined, text: string): Error {
  const number = code === undefined ? undefined : Number(code)
  if (number === 202)
    return new Failure('limit.queue_full', 'The warehouse has as many queries as it takes.', { retryAfterMs: 1000 })
  if (number !== undefined && Number.isFinite(number)) return parseException(text, number)
  if (/^\s*Code: \d+/.test(text)) return parseException(text)
  if (status >= 500) return restarted(new Error(`HTTP ${status} without an exception`))
  return new Error(`The warehouse answered ${status}: ${text.slice(0, 200)}`)
}

export function restarted(cause: unknown): Failure {
  return new Failure('warehouse.restarted', 'The warehouse went away while it was asked.', {
    retryAfterMs: 1000,
    cause,
  })
}
