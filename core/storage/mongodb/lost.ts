import {
  MongoClientClosedError,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoServerClosedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb'

const away = [
  MongoNetworkError,
  MongoServerSelectionError,
  MongoOperationTimeoutError,
  MongoNotConnectedError,
  MongoTopologyClosedError,
  MongoServerClosedError,
  MongoClientClosedError,
]

/**
 * What a server says that is going, not the primary any more or not yet, or too slow: asking again may help.
 * https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
 */
const codes = new Set<unknown>([6, 7, 50, 64, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436])

/** Whether it is the server that failed, and not what was asked. */
export function isLost(error: unknown): boolean {
  if (away.some((kind) => error instanceof kind)) return true
  if (error instanceof MongoServerError) return codes.has(error.code)
  return error instanceof MongoError && error.name === 'MongoWaitQueueTimeoutError'
}
