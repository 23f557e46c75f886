import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg'
import { Failure } from '#mesh/errors.ts'
import { codeOf, isLost } from './lost.ts'

const firstPauseMs = 50
const longestPauseMs = 1_000
const retryAfterMs = 1_000

/** What drizzle and the job queue ask of a connection. */
export interface Connection {
  query(query: string | QueryConfig, values?: unknown[]): Promise<QueryResult>
}

export interface Connections extends Connection {
  /** Lends a connection for the time of some work; one that broke is not lent again. */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T>
}

/**
 * A pool whose failures are the vocabulary's. Only connecting is tried again, for `patienceMs` and with jitter: what was
 * sent may have been done.
 */
export function openConnections(pool: Pool, patienceMs: number): Connections {
  // Without somebody who listens, one that breaks while it is lent would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))

  async function connect(): Promise<PoolClient> {
    const until = performance.now() + patienceMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await pool.connect()
      } catch (error) {
        const waitMs = pauseMs * (0.5 + Math.random())
        if (!isLost(error) || performance.now() + waitMs > until) throw failureOf(error)
        await sleep(waitMs)
      }
    }
  }

  async function use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await connect()
    let isBroken = false
    const query: Connection['query'] = async (text, values) => {
      try {
        return await client.query(text as string, values)
      } catch (error) {
        if (isLost(error)) isBroken = true
        throw failureOf(error)
      }
    }
    try {
      return await work({ query })
    } finally {
      // Neither one that is amid a transaction that failed: Neon's driver does not say, and is found out by the next.
      client.release(isBroken || (client.getTransactionStatus?.() ?? 'I') !== 'I')
    }
  }

  return { use, query: (text, values) => use((connection) => connection.query(text, values)) }
}

/** What callers are told: nothing of the server's own words. */
function failureOf(error: unknown): unknown {
  const cancelled = codeOf(error) === '57014'
  if (!cancelled && !isLost(error)) return error
  const said = cancelled ? 'The control store took too long.' : 'The control store does not answer.'
  return new Failure('core.unavailable', said, { retryAfterMs, cause: error })
}
