/** The three ways a statement is run: whole, through a pipe, and with rows. */
import type { ServerResponse } from 'node:http'

import type { Connection, Engine, NativeResult } from './engine.ts'
import { openPipe } from './pipe.ts'
import { type QueryOptions } from './settings.ts'
import { quoteText } from '../quote.ts'
import type { Watched } from './watch.ts'
import { exception, openAnswer, sendGone, sendWhole, toException, type OpenAnswer, type Progress } from './wire.ts'

export interface Run {
  readonly engine: Engine
  /** With the settings of this query. */
  readonly connection: Connection
  readonly options: QueryOptions
  /** One statement. */
  readonly sql: string
  readonly queryId: string
  readonly res: ServerResponse
  readonly watched: Watched
}

/** More than the statistics at the end of a result in JSON. */
const statisticsBytes = 256

/** Holds the result in memory: for what is small, or bounded by `max_result_bytes`. */
export async function runWhole({ engine, connection, sql, options, queryId, res }: Run): Promise<void> {
  const result = await engine.query(connection, sql, options.format)
  sendWhole(res, { body: result.bytes, format: options.format, queryId, progress: progressOf(result, result.bytes) })
}

/**
 * Streams the result of a SELECT. False, with nothing answered, when the text takes no INTO OUTFILE: because it has a
 * FORMAT of its own, or because of an error whose message would show what was appended.
 */
export async function runPiped(run: Run, path: string, holdBytes: number): Promise<boolean> {
  const { engine, connection, sql, options, queryId, res, watched } = run
  const pipe = openPipe(path)
  const text = `${sql}\nINTO OUTFILE ${quoteText(path)} APPEND FORMAT ${options.format}`
  const outcome = engine.query(connection, text, options.format).then(
    (result) => ({ result }),
    (thrown: unknown) => ({ thrown }),
  )
  void outcome.then(() => pipe.finish())
  const held: Buffer[] = []
  let last: Buffer = Buffer.alloc(0)
  let heldBytes = 0
  let open: OpenAnswer | undefined
  for await (const chunk of pipe.reader) {
    // The pipe is read to its end even when nobody listens any more: a full pipe would keep the engine from ending.
    if (res.destroyed || watched.signal.aborted) continue
    if (open === undefined) {
      held.push(chunk)
      heldBytes += chunk.length
      if (heldBytes < holdBytes) continue
      open = openAnswer(res, options.format, queryId)
      await open.write(Buffer.concat(held.splice(0)), watched.signal)
    } else await open.write(chunk, watched.signal)
    last = Buffer.concat([last.subarray(-statisticsBytes), chunk.subarray(-statisticsBytes)])
  }
  const ended = await outcome
  if ('thrown' in ended) {
    const failed = toException(ended.thrown)
    if (open === undefined && failed.number === 62) return false
    if (open === undefined) throw ended.thrown
    if (watched.signal.reason === 'stopping') {
      sendGone(res)
      return true
    }
    const late = failed.number === 394 && watched.signal.reason === 'timeout'
    open.fail(late ? exception(159, 'TIMEOUT_EXCEEDED', 'Timeout exceeded.') : failed)
    return true
  }
  if (open !== undefined) open.end(progressOf(ended.result, last))
  else {
    const body = Buffer.concat(held)
    sendWhole(res, { body, format: options.format, queryId, progress: progressOf(ended.result, body) })
  }
  return true
}

export async function runInsert({ engine, connection, sql, options, queryId, res }: Run, rows: Buffer): Promise<void> {
  // The engine reads statement and rows as one text, and an empty line in the rows would end them and begin another
  // statement. JSON needs no line ends, so it gets none.
  if (!/\bFORMAT\s+JSONEachRow\s*$/i.test(sql))
    throw new Error(exception(73, 'UNKNOWN_FORMAT', 'Inserts with a body take FORMAT JSONEachRow.').text)
  for (let at = 0; at < rows.length; at++) if (rows[at] === 10 || rows[at] === 13) rows[at] = 32
  const result = await engine.insert(connection, sql, rows)
  const progress = { resultRows: 0, rowsWritten: result.rowsWritten, elapsedSeconds: result.elapsed }
  sendWhole(res, { body: Buffer.alloc(0), format: options.format, queryId, progress })
}

/** Whether INTO OUTFILE can follow it. */
export function isSelect(sql: string): boolean {
  const blank = /\s+|\(|--[^\n]*|#[!\s][^\n]*|\/\*[^]*?\*\//y
  let at = 0
  while (blank.test(sql)) at = blank.lastIndex
  const word = /(?:SELECT|WITH|FROM)\b/iy
  word.lastIndex = at
  return word.test(sql)
}

/** The end of a result in JSON says what was read of tables; nothing else of chDB does. */
function progressOf({ rowsRead, elapsed }: NativeResult, result: Buffer): Progress {
  const end = result.subarray(-statisticsBytes).toString('latin1')
  const [, rows, bytes] = /"rows_read": ?(\d+),\s*"bytes_read": ?(\d+)\s*\}\s*\}\s*$/.exec(end) ?? []
  const read = rows === undefined || bytes === undefined ? undefined : { rows, bytes }
  return { read, resultRows: rowsRead, rowsWritten: 0, elapsedSeconds: elapsed }
}
