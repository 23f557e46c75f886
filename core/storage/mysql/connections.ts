import { setTimeout as sleep } from 'node:timers/promises'
import type { FieldPacket, Pool, PoolConnection, QueryOptions, QueryResult } from 'mysql2/promise'
import { Failure } from '#mesh/errors.ts'
import { createBreaker } from '#mesh/rpc/breaker.ts'
import { codeOf } from '../database-error.ts'
import { isLost, isSilent } from './lost.ts'
import type { MysqlUrl } from './url.ts'

const firstPauseMs = 50
const longestPauseMs = 1_000
const retryAfterMs = 1_000

/** What drizzle asks of a connection. */
export interface Connection {
  query(options: QueryOptions, values?: unknown[]): Promise<[QueryResult, FieldPacket[]]>
}

export interface Connections {
  /** Lends a connection for the time of some work; one that broke is not lent again. */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T>
}

/**
 * A pool whose failures are the vocabulary's. Only connecting is tried again, for `patienceMs` and with jitter: what was
 * sent may have been done. A server that takes connections and then says nothing is given up for a while.
 */
export function openConnections(
  pool: Pool,
  { statementTimeoutMs, lockTimeoutMs, connectTimeoutMs }: MysqlUrl,
  patienceMs: number,
): Connections {
  const prepared = new WeakSet<object>()
  const breaker = createBreaker(Date.now, {
    gone: (afterMs) => unavailable('The MySQL server does not answer.', afterMs),
    full: (afterMs) => unavailable('Too much waits for the MySQL server already.', afterMs),
  })

  /** A pool in which nothing becomes free is no reason to wait for ever, and what comes late goes back. */
  async function take(): Promise<PoolConnection> {
    const late = new AbortController()
    const taken = pool.getConnection()
    const timer = sleep(connectTimeoutMs, undefined, { signal: late.signal, ref: false })
    const none = timer.then(() => Promise.reject(unavailable('Every connection to MySQL is taken.', retryAfterMs)))
    try {
      return await Promise.race([taken, none])
    } catch (error) {
      taken.then((connection) => connection.release()).catch(() => undefined)
      throw error
    } finally {
      none.catch(() => undefined)
      late.abort()
    }
  }

  async function connect(): Promise<PoolConnection> {
    const until = performance.now() + patienceMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await take()
      } catch (error) {
        const waitMs = pauseMs * (0.5 + Math.random())
        if (!isLost(error) || performance.now() + waitMs > until) throw error
        await sleep(waitMs)
      }
    }
  }

  /** Values are quoted here, by backslashes: a session must not read them as characters. Times are UTC. */
  async function prepare(connection: PoolConnection): Promise<void> {
    if (prepared.has(connection.connection)) return
    const settings = [
      `sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`,
      `time_zone = '+00:00'`,
      'default_storage_engine = InnoDB',
      `innodb_lock_wait_timeout = ${lockTimeoutMs / 1_000}`,
    ]
    const timeout = statementTimeoutMs
    await connection.query({ sql: `SET SESSION ${settings.join(', ')}`, timeout })
    // Otherwise two that look for the same new row lock the place that it would have, and wait for each other.
    await connection.query({ sql: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', timeout })
    prepared.add(connection.connection)
  }

  return {
    async use(work) {
      // None lapses: each ends, with the time that a statement has at the latest.
      const pass = breaker.enter(0, Infinity)
      let lost = false
      let isBroken = false
      const told = (error: unknown): unknown => {
        if (isSilent(error)) lost = true
        else pass.heard()
        if (isLost(error)) isBroken = true
        return failureOf(error)
      }
      try {
        const connection = await connect().catch((error: unknown) => Promise.reject(told(error)))
        try {
          await prepare(connection).catch((error: unknown) => {
            isBroken = true
            throw told(error)
          })
          return await work({
            async query(options, values) {
              try {
                const result = await connection.query({ ...options, timeout: statementTimeoutMs }, values)
                pass.heard()
                return result
              } catch (error) {
                throw told(error)
              }
            },
          })
        } finally {
          if (isBroken) connection.destroy()
          else connection.release()
        }
      } finally {
        pass.leave({ lost })
      }
    },
  }
}

/** What callers are told: nothing of the server's own words. */
function failureOf(error: unknown): unknown {
  if (error instanceof Failure) return error
  const waited = codeOf(error) === 'ER_LOCK_WAIT_TIMEOUT'
  if (!waited && !isLost(error)) return error
  return unavailable(
    waited ? 'Another change of the same takes too long.' : 'The MySQL server does not answer.',
    retryAfterMs,
    error,
  )
}

function unavailable(said: string, afterMs: number, cause?: unknown): Failure {
  return new Failure('core.unavailable', said, { retryAfterMs: afterMs, cause })
}
