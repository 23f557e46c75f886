import { codeOf, network } from '../database-error.ts'

/**
 * SQLSTATEs after which a connection is of no use: it is gone, the server is going or not there yet, it takes no more
 * of them, or it has become a standby. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const states = /^(?:08...|57P0[1-5]|53300|25006|25P0[23])$/
/** What the driver says without a code. */
const words = /^(?:Connection terminated|Client (?:has encountered|was closed)|timeout exceeded|Query read timeout)/
const silences = /^(?:Connection terminated due to connection timeout|timeout exceeded|Query read timeout)/

/** Whether it is the connection that failed, and not what was asked. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error)
  // The socket of a server that does not run, and not a file of ours.
  if (code === 'ENOENT') return (error as NodeJS.ErrnoException).syscall === 'connect'
  if (code !== '') return states.test(code) || network.test(code)
  // A WebSocket that breaks says so by an event.
  return !(error instanceof Error) || words.test(error.message)
}

/** Whether nothing was heard for as long as something may take: of a server that refuses, or breaks off, one is told at once. */
export function isSilent(error: unknown): boolean {
  return codeOf(error) === 'ETIMEDOUT' || (error instanceof Error && silences.test(error.message))
}
