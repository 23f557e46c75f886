import { type Db, type IndexDescription, MongoClient, type MongoClientOptions } from 'mongodb'
import type { Logger } from 'pino'
import { Failure } from '#mesh/errors.ts'
import { createBreaker } from '#mesh/rpc/breaker.ts'
import { isLost, isSlow } from './lost.ts'
import { cannotOpen } from './start.ts'
import type { MongoUrl } from './url.ts'

const retryAfterMs = 1_000
const pingMs = 2_000
/** How long a server may keep who starts waiting: one that starts beside it may take a while. */
const startsWithinMs = 10_000
/** What an index may take that is made for what is there already. */
const preparedWithinMs = 600_000

/** What a domain needs; what is there already stays. */
export interface MongoIndexes {
  readonly collection: string
  readonly indexes: readonly IndexDescription[]
}

/** A MongoDB that answered once. */
export interface Mongo {
  /**
   * Asks it; where it does not answer that is `core.unavailable`, at once if it has not for a while. The driver connects
   * again by itself.
   */
  use<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** Whether it takes writes now, within a moment. */
  ping(): Promise<boolean>
  close(): Promise<void>
}

/** What is acknowledged is on the disks of most, and what is read is what most have: a version is never taken back. */
const promises: MongoClientOptions = {
  writeConcern: { w: 'majority', journal: true },
  readConcern: { level: 'majority' },
  readPreference: 'primary',
}

/** Opens a database of a MongoDB, 4.4 or newer, with its indexes. Throws a DatabaseError that says what to do where it cannot. */
export async function openMongo(url: MongoUrl, needed: readonly MongoIndexes[], log: Logger): Promise<Mongo> {
  const client = await connect(url, startsWithinMs, async (found) => {
    for (const { collection, indexes } of needed) await found.collection(collection).createIndexes([...indexes])
  })
  client.on('serverHeartbeatFailed', ({ connectionId, failure }) =>
    log.warn({ err: failure, server: connectionId }, 'a server of the document store does not answer'),
  )
  const db = client.db(url.database)
  const breaker = createBreaker(Date.now, {
    gone: (afterMs) => unavailable('The document store does not answer.', afterMs),
    full: (afterMs) => unavailable('Too much waits for the document store already.', afterMs),
  })
  return {
    async use(work) {
      // None lapses: each ends, with the time that an operation has at the latest.
      const pass = breaker.enter(0, Infinity)
      let lost = false
      try {
        const result = await work(db)
        pass.heard()
        return result
      } catch (error) {
        lost = isLost(error)
        if (lost) throw unavailable('The document store does not answer.', retryAfterMs, error)
        pass.heard()
        throw isSlow(error) ? unavailable('The document store took too long.', retryAfterMs, error) : error
      } finally {
        pass.leave({ lost })
      }
    },
    ping() {
      // A primary is chosen for it, where there is one.
      const answered = client.db('admin').command({ ping: 1 })
      return Promise.race([
        answered.then(
          () => true,
          () => false,
        ),
        after(pingMs),
      ])
    },
    close: () => client.close(),
  }
}

function unavailable(said: string, afterMs: number, cause?: unknown): Failure {
  return new Failure('core.unavailable', said, { retryAfterMs: afterMs, cause })
}

/** Fails, as opening it would, where the server cannot be used; changes nothing. */
export async function askMongo(url: MongoUrl, withinMs: number): Promise<void> {
  await (await connect(url, withinMs)).close()
}

async function connect(url: MongoUrl, withinMs: number, prepare?: (db: Db) => Promise<void>): Promise<MongoClient> {
  let first: MongoClient | undefined
  try {
    // By a client of its own, which may wait longer than those who ask later.
    const socketTimeoutMS = prepare === undefined ? withinMs : preparedWithinMs
    const patient = { serverSelectionTimeoutMS: withinMs, connectTimeoutMS: withinMs, socketTimeoutMS }
    first = new MongoClient(url.text, { ...url.defaults, ...promises, ...patient })
    const db = first.db(url.database)
    // Who may not read it is told now.
    await db.listCollections({}, { nameOnly: true, authorizedCollections: true }).toArray()
    await prepare?.(db)
    return new MongoClient(url.text, { ...url.defaults, ...promises })
  } catch (error) {
    throw cannotOpen(url, error)
  } finally {
    await first?.close()
  }
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false).unref())
}
