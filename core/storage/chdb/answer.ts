/** One request to the engine: read it, choose its lane, run it under its own settings. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Connection, Engine } from './engine.ts'
import { LaneFull, type Lane } from './lane.ts'
import { readBody, type Budget } from './receive.ts'
import { isSelect, runInsert, runPiped, runWhole, type Run } from './run.ts'
import { BadOption, parseQueryOptions, setStatement, type QueryOptions } from './settings.ts'
import { markSetting, type Watch } from './watch.ts'
import { exception, sendException, sendGone, toException } from './wire.ts'

export interface AnswerDeps {
  readonly engine: Engine
  readonly watch: Watch
  /** Where a text is looked at, before it is known whether it reads or writes. */
  readonly parse: Lane
  readonly read: Lane
  readonly write: Lane
  /** One named pipe for each reading slot. */
  readonly pipes: readonly string[]
  readonly bounds: Bounds
  /** For the bodies that are held at a time. */
  readonly budget: Budget
  /** Aborts when the process is to end: what reads is cancelled, what writes is finished, nothing new begins. */
  readonly stopping: AbortSignal
}

export interface Bounds {
  readonly maxStatementBytes: number
  readonly maxInsertBytes: number
  /** Of a result that is not streamed: EXPLAIN, SHOW, and a SELECT with a FORMAT of its own. */
  readonly maxWholeBytes: number
  /** How much of a result is held back, so that a failure within it still has its status. */
  readonly holdBytes: number
  /** For statements that say no `max_execution_time`. */
  readonly defaultTimeoutMs: number
}

/** How long the engine may take over its own `max_execution_time` before the query is killed. */
const overrunMs = 250

export async function answer(deps: AnswerDeps, req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    deps.stopping.throwIfAborted()
    const options = parseQueryOptions(new URL(req.url ?? '/', 'http://localhost').searchParams)
    const deadline = Date.now() + (options.timeoutMs ?? deps.bounds.defaultTimeoutMs)
    const insert = options.statement !== undefined
    const maxBytes = insert ? deps.bounds.maxInsertBytes : deps.bounds.maxStatementBytes
    using body = await readBody(req, maxBytes, deps.budget)
    const sql = options.statement ?? body.bytes.toString('utf8')
    await deps.engine.withConnection(async (connection) => {
      const reads = await deps.parse.run(() => inspect(deps.engine, connection, sql))
      const request = { connection, options, sql, deadline, res }
      if (reads) await deps.read.run((slot) => read(deps, request, deps.pipes[slot] ?? ''))
      else await deps.write.run(() => write(deps, request, insert ? body.bytes : undefined))
    })
  } catch (thrown) {
    if (deps.stopping.aborted) sendGone(res)
    else refuse(res, thrown)
  }
}

interface Request {
  readonly connection: Connection
  readonly options: QueryOptions
  readonly sql: string
  readonly deadline: number
  readonly res: ServerResponse
}

/** Whether the statement only reads; throws unless the text is exactly one statement. */
async function inspect(engine: Engine, connection: Connection, sql: string): Promise<boolean> {
  const statement = await engine.classify(connection, sql)
  // chDB runs every statement of a text, so a text that is not one statement is never given to it.
  if (statement.statementCount !== 1 || statement.queryClass > 3) engine.refuse(connection, sql)
  return statement.queryClass === 0
}

/** A reader who goes away ends the query. */
async function read(deps: AnswerDeps, request: Request, pipe: string): Promise<void> {
  await watched(deps, request, async (run, prepare) => {
    const gone = () => run.watched.cancel('gone')
    const stop = () => run.watched.cancel('stopping')
    deps.stopping.throwIfAborted()
    deps.stopping.addEventListener('abort', stop)
    run.res.once('close', gone)
    try {
      // INTO OUTFILE can follow SELECTs only; the others (EXPLAIN, SHOW, DESCRIBE) are small. Taking one for the other
      // is no danger: the text is one reading statement either way.
      if (isSelect(run.sql)) {
        await prepare(run.connection)
        if (await runPiped(run, pipe, deps.bounds.holdBytes)) return
      }
      // A connection of its own, because the settings of the first may be locked by `readonly`.
      await deps.engine.withConnection(async (connection) => {
        await prepare(connection, { max_result_bytes: deps.bounds.maxWholeBytes, result_overflow_mode: 'throw' })
        await runWhole({ ...run, connection })
      })
    } finally {
      run.res.off('close', gone)
      deps.stopping.removeEventListener('abort', stop)
    }
  })
}

/** A write is finished even if nobody waits for it. */
async function write(deps: AnswerDeps, request: Request, rows: Buffer | undefined): Promise<void> {
  await watched(deps, request, async (run, prepare) => {
    await prepare(run.connection)
    await (rows === undefined ? runWhole(run) : runInsert(run, rows))
  })
}

type Prepare = (connection: Connection, forced?: Readonly<Record<string, string | number>>) => Promise<void>

async function watched(
  { engine, watch }: AnswerDeps,
  { connection, options, sql, deadline, res }: Request,
  work: (run: Run, prepare: Prepare) => Promise<void>,
): Promise<void> {
  const leftMs = deadline - Date.now()
  if (res.destroyed) return
  if (leftMs <= 0) throw new Error(exception(159, 'TIMEOUT_EXCEEDED', 'Timeout exceeded while waiting.').text)
  const mark = randomUUID()
  const { signal, cancel, done } = watch.start(mark, leftMs + overrunMs, options.database)
  const queryId = options.queryId ?? mark
  try {
    await work(
      { engine, connection, options, sql, queryId, res, watched: { signal, cancel, done } },
      (on, forced = {}) => {
        const settings = new Map(options.settings)
        for (const [name, value] of Object.entries(forced)) settings.set(name, String(value))
        if (options.timeoutMs !== undefined) settings.set('max_execution_time', String(leftMs / 1000))
        settings.set(markSetting, mark)
        return engine.query(on, setStatement(settings, options.database), 'Null').then(() => undefined)
      },
    )
  } catch (thrown) {
    if (signal.reason === 'timeout' && toException(thrown).number === 394)
      throw new Error(exception(159, 'TIMEOUT_EXCEEDED', 'Timeout exceeded.').text, { cause: thrown })
    throw thrown
  } finally {
    done()
  }
}

function refuse(res: ServerResponse, thrown: unknown): void {
  if (thrown instanceof LaneFull) {
    sendException(res, 503, exception(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 'Too many simultaneous queries.'))
  } else if (thrown instanceof BadOption) {
    sendException(res, 400, exception(36, 'BAD_ARGUMENTS', thrown.message))
  } else {
    sendException(res, 500, toException(thrown))
  }
}
