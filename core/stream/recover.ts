import type { StoredRecord } from '../storage/log.ts'
import type { Warehouse } from '../storage/warehouse.ts'
import { type Batch, isGone, refusedId } from './deliver.ts'
import { streamOf } from './names.ts'
import { quarantineStream } from './quarantine.ts'
import { quoteName } from '../storage/quote.ts'

const timeoutMs = 60_000

/**
 * Which records of a planned batch the table lacks. An insert that was cut off may be there in some of the table's
 * partitions and not in others; the rows' own places in the log say which.
 */
export async function missingOf(warehouse: Warehouse, batch: Batch): Promise<StoredRecord[]> {
  const { workspace, stream } = streamOf(batch.topic)
  try {
    for (const sql of warehouse.layout.caughtUp(workspace, stream)) await warehouse.command(sql)
    const there = await warehouse.rows<{ offset: string }>({
      sql: `SELECT _offset AS offset FROM ${quoteName(workspace)}.${quoteName(stream)}
            WHERE _partition = {partition:UInt16} AND _offset >= {from:UInt64} AND _offset < {to:UInt64}`,
      database: workspace,
      params: { partition: String(batch.partition), from: String(batch.from), to: String(batch.to) },
      deadline: Date.now() + timeoutMs,
      signal: AbortSignal.timeout(timeoutMs),
    })
    const offsets = new Set(there.map(({ offset }) => Number(offset)))
    return batch.records.filter((record) => !offsets.has(record.offset))
  } catch (error) {
    // The stream was dropped: nothing of it can be missed.
    if (isGone(error)) return []
    throw error
  }
}

/**
 * What of a batch that is read again was not refused when it was read before: what was is in quarantine, or has come from
 * there at another place in the log, also where the table would take it now.
 */
export async function neverRefused(warehouse: Warehouse, batch: Batch): Promise<readonly StoredRecord[]> {
  const { workspace, stream } = streamOf(batch.topic)
  const offset = `toUInt64OrZero(splitByChar('_', id)[3])`
  const refused = await warehouse.rows<{ id: string }>({
    sql: `SELECT DISTINCT id FROM ${quarantineStream} WHERE stream = {stream:String} AND startsWith(id, {prefix:String})
          AND ${offset} >= {from:UInt64} AND ${offset} < {to:UInt64}`,
    database: workspace,
    params: { stream, prefix: `s_${batch.partition}_`, from: String(batch.from), to: String(batch.to) },
    deadline: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
  })
  const ids = new Set(refused.map(({ id }) => id))
  return batch.records.filter((record) => !ids.has(refusedId(batch.partition, record)))
}
