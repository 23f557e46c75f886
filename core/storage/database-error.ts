import { Failure } from '#mesh/errors.ts'

/** Why a database cannot be used, with the exit code that says so: 68 where it does not answer, 78 where asking again does not help. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly exitCode: number

  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, { cause })
    this.exitCode = exitCode
  }
}

/** By what somebody who cannot open an engine gets on: the first whose pattern its code or its words have. */
export type Ways = readonly (readonly [pattern: RegExp, way: string])[]

interface Refusing {
  /** `The control store`. */
  readonly name: string
  readonly url: { readonly host: string; readonly port: number; readonly database: string }
  readonly ways: Ways
  /** Whether it did not answer. */
  readonly isLost: (cause: unknown) => boolean
}

/** Says which database it is, why, and the way out: nothing of the URL that is secret. */
export function cannotOpenDatabase({ name, url, ways, isLost }: Refusing, error: unknown): DatabaseError {
  // Whatever wraps it was said by us or by drizzle, which quotes whole statements.
  let cause = error
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause
  const migration = error instanceof Error && error.message.startsWith('the migrations') ? `${error.message}: ` : ''
  const code = codeOf(cause)
  const reason = `${migration}${wordsOf(cause)}${code === '' ? '' : ` (${code})`}`
  const way = ways.find(([pattern]) => pattern.test(code) || pattern.test(wordsOf(cause)))?.[1]
  const at = `${url.host.includes(':') ? `[${url.host}]` : url.host}:${url.port}/${url.database}`
  const isAway = migration === '' && (isLost(cause) || error instanceof Failure)
  return new DatabaseError(
    `${name} ${at} cannot be opened: ${reason}.${way === undefined ? '' : ` ${way}`}`,
    isAway ? 68 : 78,
    cause,
  )
}

/** What a socket says of a peer that is not there, or not any more. */
export const network = /^(?:ECONN\w+|EPIPE|ETIMEDOUT|E(?:HOST|NET)\w+|ENOTFOUND|EAI_AGAIN|ERR_SOCKET_\w+)$/

/** The SQLSTATE, the driver's name of it or the system's code; empty where there is none. Of several addresses that were tried, the last one's. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1))
  const code: unknown = (error as { readonly code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : ''
}

function wordsOf(cause: unknown): string {
  if (cause instanceof AggregateError) return wordsOf(cause.errors.at(-1))
  const said: unknown = (cause as { readonly message?: unknown } | undefined)?.message
  return typeof said === 'string' && said !== '' ? said.replace(/\.$/, '') : 'the connection broke'
}
