import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg'
import { Failure } from '#mesh/errors.ts'
import { createBreaker } from '#mesh/rpc/breaker.ts'
import { codeOf } from '../database-error.ts'
import { isLost, isSilent } from './lost.ts'

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
 * sent may have been done. A server that takes connections and then says nothing is given up for a while, so that not
 * everybody waits for as long as a statement may take.
 */
export function openConnections(pool: Pool, patienceMs: number): Connections {
  // Without somebody who listens, one that breaks while it is lent would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))

  const breaker = createBreaker(Date.now, {
    gone: (retryAfterMs) => unavailable('The control store does not answer.', retryAfterMs),
    full: (retryAfterMs) => unavailable('Too much waits for the control store already.', retryAfterMs),
  })

  async function connect(): Promise<PoolClient> {
    const until = performance.now() + patienceMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await pool.connect()
      } catch (error) {
        const waitMs = pauseMs * (0.5 + Math.random())
        if (!isLost(error) || performance.now() + waitMs > until) throw error
        await sleep(waitMs)
      }
    }
  }

  async function use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    // None lapses: each ends, with the time that a statement has at the latest.
    const pass = breaker.enter(0, Infinity)
    let lost = false
    function told(error: unknown): unknown {
      if (isSilent(error)) lost = true
      else pass.heard()
      return failureOf(error)
    }
    try {
      const client = await connect().catch((error: unknown) => Promise.reject(told(error)))
      return await lend(client, work, pass.heard, told)
    } finally {
      pass.leave({ lost })
    }
  }

  return { use, query: (text, values) => use((connection) => connection.query(text, values)) }
}

async function lend<T>(
  client: PoolClient,
  work: (connection: Connection) => Promise<T>,
  heard: () => void,
  told: (error: unknown) => unknown,
): Promise<T> {
  let isBroken = false
  const query: Connection['query'] = async (text, values) => {
    try {
      const result = await client.query(text as string, values)
      heard()
      return result
    } catch (error) {
      if (isLost(error)) isBroken = true
      throw told(error)
    }
  }
  try {
    return await work({ query })
  } finally {
    // Neither one that is amid a transaction that failed: Neon's driver does not say, and is found out by the next.
    client.release(isBroken || (client.getTransactionStatus?.() ?? 'I') !== 'I')
  }
}

/** What callers are told: nothing of the server's own words. */
function failureOf(error: unknown): unknown {
  const cancelled = codeOf(error) === '57014'
  if (!cancelled && !isLost(error)) return error
  const said = cancelled ? 'The control store took too long.' : 'The control store does not answer.'
  return unavailable(said, retryAfterMs, error)
}

function unavailable(said: string, afterMs: number, cause?: unknown): Failure {
  return new Failure('core.unavailable', said, { retryAfterMs: afterMs, cause })
}
