import type { Logger } from 'pino'
import type { Claim, Log, StoredRecord } from '../storage/log.ts'
import { type Warehouse, WarehouseError } from '../storage/warehouse.ts'
import type { StreamLimits } from './limits.ts'
import { hiddenColumns, streamOf, topicOf } from './names.ts'
import { quoteName } from '../storage/quote.ts'
import { quarantineRecord, quarantineStream } from './quarantine.ts'
import { rowsOf } from './rows.ts'

/** Moments at which a test may end the process, to see what survives. */
export type FailPoint = 'after-plan' | 'during-insert' | 'before-commit'

export interface DeliverDeps {
  readonly log: Log
  readonly warehouse: Warehouse
  readonly logger: Logger
  readonly limits: StreamLimits
  /** How long what is ready to run waits in this process: what is busy inserts more at once, and less often. */
  readonly delayMs?: () => number
  readonly failPoint?: (at: FailPoint) => void | Promise<void>
}

/** What is delivered by whoever holds the partition. */
export interface HolderDeps extends DeliverDeps {
  readonly claim: Claim
}

export interface Batch {
  readonly topic: string
  readonly partition: number
  /**
   * The range of offsets `[from, to)` that the batch was planned as. Whatever of it is inserted, and however often, has
   * the token made of it, so that an insert that was thought dead and lands late finds its parts there already.
   */
  readonly from: number
  readonly to: number
  readonly records: readonly StoredRecord[]
  /** How often the log has been read again: the tokens of before are of rows that may have been deleted since. */
  readonly replays?: number
  /** From 1 on with a token of its own: rows were dropped by the one before although they are not there. */
  readonly attempt?: number
}

/** Whether an error says that the table or its database is not there. */
export function isGone(error: unknown): boolean {
  return error instanceof WarehouseError && (error.number === 60 || error.number === 81)
}

/** The batch reaches more of the table's partitions than one insert may. An insert is one block, so nothing of it is there. */
export function isScattered(error: unknown): boolean {
  return error instanceof WarehouseError && error.number === 252 && error.message.startsWith('Too many partitions')
}

const nothing: ReadonlySet<number> = new Set()

/** … for a state that passes: too many parts, queries or bytes now, time-outs, a full disk, a server going away. */
const passing = new Set([159, 160, 202, 209, 210, 236, 241, 242, 243, 252, 279, 285, 319, 394, 439, 459, 999, 1002])

const settings = {
  date_time_input_format: 'best_effort',
  input_format_skip_unknown_fields: 1,
  input_format_null_as_default: 1,
  throw_on_max_partitions_per_insert_block: 1,
}

/**
 * Inserts a batch. Rows that the engine cannot read go to quarantine and the rest is inserted, so that one row never
 * blocks those behind it; their offsets are answered. Whatever passes by itself, or with a smaller batch, is thrown.
 */
export async function deliver(deps: HolderDeps, batch: Batch): Promise<{ readonly refused: ReadonlySet<number> }> {
  if (batch.records.length === 0) return { refused: nothing }
  try {
    await insert(deps, batch, batch.records)
    return { refused: nothing }
  } catch (error) {
    if (!(error instanceof WarehouseError) || passing.has(error.number)) throw error
    if (isGone(error)) {
      deps.logger.warn({ topic: batch.topic, from: batch.from, to: batch.to }, 'rows of a dropped stream left out')
      return { refused: nothing }
    }
    const bad = await findUnreadable(deps, batch)
    if (bad.length === 0) throw error
    await quarantine(deps, batch, bad)
    const offsets = new Set(bad.map(({ record }) => record.offset))
    await insert(
      deps,
      batch,
      batch.records.filter((record) => !offsets.has(record.offset)),
    )
    return { refused: offsets }
  }
}

async function insert(
  deps: HolderDeps,
  { topic, partition, from, to, replays = 0, attempt = 0 }: Batch,
  records: readonly StoredRecord[],
): Promise<void> {
  const { workspace, stream } = streamOf(topic)
  const again = [replays === 0 ? '' : `/r${replays}`, attempt === 0 ? '' : `/${attempt}`].join('')
  await deps.failPoint?.('during-insert')
  // Whoever slept here may have lost it. What slips through has a token that the next one has used, or will.
  if (!deps.claim.isHeld()) throw new Error(`${topic}/${partition} is another process's now, or may be`)
  await deps.warehouse.insert({
    database: workspace,
    table: stream,
    rows: rowsOf(partition, records),
    hidden: hiddenColumns,
    token: `${topic}/${partition}/${from}-${to}${again}`,
    settings: { ...settings, max_partitions_per_insert_block: deps.limits.batchPartitions },
  })
}

interface Unreadable {
  readonly record: StoredRecord
  readonly reason: string
}

/** Finds the rows that the engine refuses, by halves, on a table that has the same columns and keeps nothing. */
async function findUnreadable(deps: DeliverDeps, batch: Batch): Promise<Unreadable[]> {
  const { workspace, stream } = streamOf(batch.topic)
  const probe = `_probe_${stream}_${batch.partition}`
  const name = `${quoteName(workspace)}.${quoteName(probe)}`
  const { onCluster } = deps.warehouse.layout
  await deps.warehouse.command(`DROP TABLE IF EXISTS ${name}${onCluster} SYNC`)
  await deps.warehouse.command(
    `CREATE TABLE ${name}${onCluster} AS ${quoteName(workspace)}.${quoteName(stream)} ENGINE = Null`,
  )
  const tryRows = async (records: readonly StoredRecord[]): Promise<Unreadable[]> => {
    const [record] = records
    if (record === undefined) return []
    try {
      const rows = rowsOf(batch.partition, records)
      await deps.warehouse.insert({
        database: workspace,
        table: probe,
        rows,
        hidden: hiddenColumns,
        token: '',
        settings,
      })
      return []
    } catch (error) {
      if (!(error instanceof WarehouseError) || passing.has(error.number)) throw error
      if (records.length === 1) return [{ record, reason: readable(error.message) }]
      const middle = records.length >> 1
      return [...(await tryRows(records.slice(0, middle))), ...(await tryRows(records.slice(middle)))]
    }
  }
  try {
    return await tryRows(batch.records)
  } finally {
    await deps.warehouse.command(`DROP TABLE IF EXISTS ${name}${onCluster} SYNC`)
  }
}

/** The engine's message without what only its authors need. */
function readable(message: string): string {
  return message
    .replace(/: ?\(at row \d+\)[\s\S]*$/, '')
    .replace(/\s+/g, ' ')
    .slice(0, 500)
}

/**
 * Ids are made of places in the log, so doing this again after a crash makes the same rows; the time keeps them apart
 * from those of a dropped stream of the same name.
 */
export function refusedId(partition: number, { offset, timestamp }: StoredRecord): string {
  return `s_${partition}_${offset}_${timestamp}`
}

export async function quarantine(
  deps: Pick<DeliverDeps, 'log'>,
  { topic, partition }: Pick<Batch, 'topic' | 'partition'>,
  bad: readonly { readonly record: StoredRecord; readonly column?: string; readonly reason: string }[],
): Promise<void> {
  if (bad.length === 0) return
  const { workspace, stream } = streamOf(topic)
  const records = bad.map(({ record, column = '', reason }) =>
    quarantineRecord({
      id: refusedId(partition, record),
      stream,
      time: record.timestamp,
      column,
      reason,
      text: record.value,
      state: 'waiting',
      version: 1,
    }),
  )
  await deps.log.append([{ topic: topicOf(workspace, quarantineStream), partition: 0, records }])
}
