/** Ends queries: by KILL QUERY, which chDB obeys between two blocks, and by `onStuck` when it does not. */
import type { Engine } from './engine.ts'
import { quoteText } from '../quote.ts'

export interface Watch {
  /** Ends the query that carries the mark when its time is over, unless `done` comes first. `database` is what it is in. */
  start(mark: string, timeoutMs: number, database: string | undefined): Watched
}

/** Its time is over; its reader has gone; the process is to end. */
export type EndReason = 'timeout' | 'gone' | 'stopping'

export interface Watched {
  /** Ends it now. */
  cancel(reason: EndReason): void
  /** Aborts when the query was told to end, with an `EndReason`. */
  readonly signal: AbortSignal
  done(): void
}

export interface WatchOptions {
  /** How long a query may go on after it was told to end. */
  readonly graceMs: number
  /** Called for a query that is still there after that, with the database that it is in. */
  readonly onStuck: (database: string | undefined) => void
}

/** A setting that changes nothing and is listed with each running query. */
export const markSetting = 'log_comment'

export function createWatch(engine: Engine, { graceMs, onStuck }: WatchOptions): Watch {
  function start(mark: string, timeoutMs: number, database: string | undefined): Watched {
    const told = new AbortController()
    const sql = `KILL QUERY WHERE Settings['${markSetting}'] = ${quoteText(mark)} ASYNC`
    let killing: NodeJS.Timeout | undefined
    let stuck: NodeJS.Timeout | undefined
    let over = false

    /** Again and again, because a query that is not in the list yet cannot be killed. */
    async function kill(): Promise<void> {
      await engine.withConnection((connection) => engine.query(connection, sql, 'Null')).catch(() => undefined)
      if (!over) killing = setTimeout(() => void kill(), 50)
    }

    function end(reason: EndReason): void {
      if (told.signal.aborted || over) return
      told.abort(reason)
      void kill()
      stuck = setTimeout(() => onStuck(database), graceMs)
    }

    const deadline = setTimeout(() => end('timeout'), timeoutMs)
    return {
      cancel: end,
      signal: told.signal,
      done() {
        over = true
        clearTimeout(deadline)
        clearTimeout(stuck)
        clearTimeout(killing)
      },
    }
  }

  return { start }
}
