import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { type Selection, type Warehouse, WarehouseError } from '../storage/warehouse.ts'
import type { StreamLimits } from './limits.ts'
import { quoteName } from '../storage/quote.ts'

export interface DeleteRowsDeps {
  readonly warehouse: Warehouse
  readonly logger: Logger
  readonly limits: StreamLimits
}

type Until = Pick<Context, 'signal' | 'deadline'>

const longestPauseMs = 200

/**
 * Deletes the rows of a stream at the places that a selection answers; answers how many. Nobody else may delete there
 * meanwhile. Calls `begin` with how many they are before the first is deleted.
 *
 * The places are written down first: the engine deletes part by part, and may ask again for each, when a condition that
 * reads the table would have another answer. A process that ends in between goes on deleting when it is back.
 */
export async function deleteRows(
  deps: DeleteRowsDeps,
  workspace: string,
  stream: string,
  selection: Selection,
  until: Until,
  begin: (rows: number) => Promise<void>,
): Promise<number> {
  const { warehouse, logger, limits } = deps
  const { layout } = warehouse
  const table = `${quoteName(layout.rowsOf(workspace))}.${quoteName(stream)}${layout.onCluster}`
  const places = `${quoteName(workspace)}.${quoteName(placesOf(stream))}`
  await clear(warehouse, workspace, stream)
  const made = layout.createTable({
    database: workspace,
    table: placesOf(stream),
    ifNotExists: false,
    columns: '_partition UInt16, _offset UInt64',
    engine: 'MergeTree',
    clauses: 'ORDER BY (_partition, _offset)',
    shardBy: '_offset',
  })
  for (const sql of made) await warehouse.command(sql)
  try {
    const { sql, ...bound } = selection
    await warehouse.command(`INSERT INTO ${places} SELECT * FROM (${sql}) LIMIT ${limits.deletedRows + 1}`, {
      ...bound,
      deadline: until.deadline,
    })
    const [found] = await warehouse.rows<{ readonly n: string }>({
      sql: `SELECT count() AS n FROM ${places}`,
      database: workspace,
      ...until,
    })
    const count = Number(found?.n ?? 0)
    if (count > limits.deletedRows) throw tooMany(limits)
    if (count === 0) return 0
    await begin(count)
    await warehouse.command(
      `ALTER TABLE ${table} DELETE WHERE (_partition, _offset) IN (SELECT _partition, _offset FROM ${places})`,
      { settings: { mutations_sync: 0 } },
    )
    await finished(warehouse, workspace, stream, until)
    return count
  } catch (thrown) {
    throw thrown instanceof WarehouseError && thrown.number === 243 ? diskFull(thrown) : thrown
  } finally {
    // What is left is met by the next one.
    await clear(warehouse, workspace, stream).catch((error: unknown) =>
      logger.warn({ err: error, workspace, stream }, 'the places of deleted rows could not be dropped'),
    )
  }
}

/** A table of the system's own. */
export function placesOf(stream: string): string {
  return `_deleting_${stream}`
}

/** Ends what an earlier deletion has left to do, before the places that it reads go. Names have no quotes in them. */
async function clear(warehouse: Warehouse, workspace: string, stream: string): Promise<void> {
  const { layout } = warehouse
  const mine = `database = '${layout.rowsOf(workspace)}' AND table = '${stream}' AND NOT is_done`
  await warehouse.command(layout.killMutations(mine))
  for (const sql of layout.dropTable(workspace, placesOf(stream))) await warehouse.command(sql)
}

/**
 * Waits until the engine has deleted. It does so in the background: waiting there would hold one of the places for
 * writing, and could not be ended.
 */
async function finished(warehouse: Warehouse, workspace: string, stream: string, until: Until): Promise<void> {
  for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    if (until.signal.aborted) throw inPart(until)
    const [left] = await warehouse.rows<{ readonly reason: string }>({
      sql: `SELECT latest_fail_reason AS reason FROM ${warehouse.layout.ofHosts('mutations')}
            WHERE database = {database:String} AND table = {stream:String} AND NOT is_done`,
      database: workspace,
      params: { database: warehouse.layout.rowsOf(workspace), stream },
      ...until,
    })
    if (left === undefined) return
    if (/NOT_ENOUGH_SPACE|No space left/.test(left.reason)) throw diskFull(left.reason)
    if (left.reason !== '') throw new Error(`the warehouse could not delete: ${left.reason}`)
    await sleep(pauseMs, undefined, { signal: until.signal }).catch(() => undefined)
  }
}

function tooMany({ deletedRows }: StreamLimits): Failure {
  const most = deletedRows.toLocaleString('en')
  return new Failure('query.result_too_large', `The condition holds for more than ${most} rows: none was deleted.`, {
    hint: 'Delete them in parts, by time for example; to delete all, truncate the stream.',
  })
}

function inPart({ deadline, signal }: Until): Failure {
  const problem = Date.now() >= deadline ? 'limit.deadline' : 'request.cancelled'
  return new Failure(problem, 'The rows may have been deleted in part.', {
    hint: 'Send it again: what is left is deleted.',
    cause: signal.reason,
  })
}

function diskFull(cause: unknown): Failure {
  return new Failure('limit.disk_full', 'The warehouse’s disk is full: the rows may have been deleted in part.', {
    hint: 'Deleting needs room for what stays. Send it again once the operator has made room.',
    retryAfterMs: 10_000,
    cause,
  })
}
