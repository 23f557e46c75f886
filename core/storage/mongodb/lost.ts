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
import { codeOf, network } from '../database-error.ts'

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
 * What a server says that is going, or not the primary any more, or not yet.
 * https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
 */
const codes = new Set<unknown>([6, 7, 64, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436])

/** Whether it is the server that failed, and not what was asked. */
export function isLost(error: unknown): boolean {
  if (isSlow(error)) return false
  // Of a socket that is written to in the moment in which the server goes, the driver hands on what it is told.
  if (network.test(codeOf(error))) return true
  if (away.some((kind) => error instanceof kind)) return true
  // Of a bulk write the connection's own error is within.
  if (error instanceof MongoServerError) return codes.has(error.code) || isLost(error.errorResponse)
  return error instanceof MongoError && error.name === 'MongoWaitQueueTimeoutError'
}

/** Whether the server said that it took too long (MaxTimeMSExpired). */
export function isSlow(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (at instanceof MongoServerError && at.code === 50) return true
  return false
}
