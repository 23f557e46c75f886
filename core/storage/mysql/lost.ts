import { codeOf, network } from '../database-error.ts'

/**
 * Names of errors after which a connection is of no use: it is gone, the server is going, takes no more of them, or has
 * become a replica. https://dev.mysql.com/doc/mysql-errors/8.4/en/ · https://mariadb.com/kb/en/mariadb-error-codes/
 */
const servers =
  /^(?:ER_CON_COUNT_ERROR|ER_TOO_MANY_USER_CONNECTIONS|ER_SERVER_SHUTDOWN|ER_NORMAL_SHUTDOWN|ER_SHUTDOWN_COMPLETE|ER_CONNECTION_KILLED|ER_NEW_ABORTING_CONNECTION|ER_ABORTING_CONNECTION|ER_NET_\w+|ER_CLIENT_INTERACTION_TIMEOUT|ER_OPTION_PREVENTS_STATEMENT|ER_READ_ONLY_MODE|ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION)$/
const protocol = /^PROTOCOL_(?:CONNECTION_LOST|SEQUENCE_TIMEOUT)$/
/** What the driver says without a code. */
const words = /^(?:Can't (?:add new command|write) (?:when connection is )?in closed state|Pool is closed)/
const silences = /^(?:ETIMEDOUT|PROTOCOL_SEQUENCE_TIMEOUT)$/

/** Whether it is the connection that failed, and not what was asked. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error)
  // The socket of a server that does not run, and not a file of ours.
  if (code === 'ENOENT') return (error as NodeJS.ErrnoException).syscall === 'connect'
  if (code !== '') return servers.test(code) || network.test(code) || protocol.test(code)
  return error instanceof Error && words.test(error.message)
}

/** Whether nothing was heard for as long as something may take: of a server that refuses, or breaks off, one is told at once. */
export function isSilent(error: unknown): boolean {
  return silences.test(codeOf(error))
}
