import type { StoredRecord } from '../storage/log.ts'
import type { Warehouse } from '../storage/warehouse.ts'
import { type Batch, isGone } from './deliver.ts'
import { streamOf } from './names.ts'
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
