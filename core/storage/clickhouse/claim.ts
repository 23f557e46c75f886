import { DatabaseError } from '../database-error.ts'
import type { Warehouse } from '../warehouse.ts'

const timeoutMs = 60_000

/**
 * Holds a ClickHouse to the log that it is filled from. Rows are known by their places there, so what another log gives
 * the same places would be taken for what is there already. `isFilled`: whoever asks has filled one before.
 */
export async function claim(warehouse: Warehouse, log: string, isFilled: boolean): Promise<void> {
  const { layout } = warehouse
  const made = layout.createTable({
    database: '_edgewise',
    table: 'claim',
    ifNotExists: true,
    columns: 'log String',
    engine: 'MergeTree',
    clauses: 'ORDER BY log',
    shardBy: '0',
  })
  for (const sql of [...layout.createDatabase('_edgewise'), ...made]) await warehouse.command(sql)
  const [found] = await warehouse.rows<{ readonly log: string }>({
    sql: 'SELECT log FROM claim ORDER BY log LIMIT 1',
    database: '_edgewise',
    deadline: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (found === undefined && isFilled) {
    throw new DatabaseError(
      'The warehouse is empty, and the data directory was filled into another: set CLICKHOUSE_URL as it was, or EDGEWISE_DATA to a new directory.',
      78,
    )
  }
  if (found !== undefined && found.log !== log) {
    throw new DatabaseError(
      `The warehouse is filled from ${found.log}, not from ${log}. Set CLICKHOUSE_URL to a server of its own, or KAFKA_URL and EDGEWISE_DATA as they were.`,
      78,
    )
  }
  if (found === undefined) {
    await warehouse.insert({
      database: '_edgewise',
      table: 'claim',
      rows: `${JSON.stringify({ log })}\n`,
      token: log,
    })
  }
}
