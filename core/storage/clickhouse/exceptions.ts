/** ClickHouse's exceptions as they come over HTTP. */
import { Failure } from '#mesh/errors.ts'

import { WarehouseError } from '../warehouse.ts'

/**
 * `Code: 62. DB::Exception: the message. (SYNTAX_ERROR) (version 26.7.2.1 …)`. A rethrown one repeats the frame around
 * itself; the innermost message is the one that says something, the last name is the one that counts.
 */
export function parseException(text: string, number?: number): WarehouseError {
  const code = number ?? Number(/^\s*Code: (\d+)/.exec(text)?.[1] ?? 1002)
  const kind = [...text.matchAll(/\(([A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]{6,})\)/g)].at(-1)?.[1] ?? 'UNKNOWN_EXCEPTION'
  let message = text.trim().replace(/^(?:Code: \d+\. DB::Exception: )+/, '')
  let before: string
  do {
    before = message
    message = message.replace(/\s*\((?:version [^()]*(?:\([^()]*\))?[^()]*|[A-Z][A-Z0-9_]{5,})\)\.?\s*$/, '')
  } while (message !== before)
  return new WarehouseError(code, kind, message)
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
