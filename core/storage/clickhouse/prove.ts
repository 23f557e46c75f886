import { randomBytes } from 'node:crypto'
import { DatabaseError } from '../database-error.ts'
import { quoteName, quoteText } from '../quote.ts'
import type { Warehouse } from '../warehouse.ts'

const timeoutMs = 60_000
const database = '_edgewise'

/** Each answers how many rows it sees of a table in which one passes the filter. */
const filtered = [
  (table: string) => `SELECT count() AS n FROM ${table}`,
  (table: string) => `SELECT count() AS n FROM ${table} AS a JOIN ${table} AS b ON a.n = b.n`,
  (table: string) => `SELECT countIf(number IN (SELECT n FROM ${table})) AS n FROM numbers(3)`,
  (table: string) => `SELECT count() AS n FROM (SELECT n FROM ${table} UNION ALL SELECT n FROM ${table} WHERE n > 1)`,
  (_: string, view: string) => `SELECT count() AS n FROM ${view}`,
]

/**
 * Tries on the server itself what the sink and row filters rely on, before anything does: that an insert which is sent again
 * changes nothing, that rows keep their places in the log, and that a filter holds wherever a table stands. A cluster's
 * version or settings may be such that they do not. Throws a DatabaseError that says which.
 */
export async function prove(warehouse: Warehouse): Promise<void> {
  const { layout } = warehouse
  // Several processes may start at once.
  const table = `probe_${randomBytes(8).toString('hex')}`
  const [named, view] = [quoteName(table), quoteName(`${table}_view`)]
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await warehouse.command(sql)
  }
  const count = async (sql: string, settings: Readonly<Record<string, string | number>> = {}): Promise<number> => {
    const [row] = await warehouse.rows<{ readonly n: string }>({
      sql,
      database,
      settings,
      deadline: Date.now() + timeoutMs,
      signal: AbortSignal.timeout(timeoutMs),
    })
    return Number(row?.n)
  }

  try {
    await run([
      ...layout.createDatabase(database),
      ...layout.createTable({
        database,
        table,
        ifNotExists: false,
        columns: 'n UInt8, `_offset` UInt64 MATERIALIZED 0',
        engine: 'MergeTree',
        clauses: 'ORDER BY n',
        shardBy: '_offset',
      }),
      `CREATE VIEW ${database}.${view}${layout.onCluster} AS SELECT n FROM ${database}.${named}`,
    ])
    const rows = '{"n":1,"_offset":7}\n{"n":2,"_offset":8}\n'
    for (let sent = 0; sent < 2; sent++) {
      await warehouse.insert({ database, table, rows, hidden: ['_offset'], token: 'once' })
    }
    await run(layout.caughtUp(database, table))
    if ((await count(`SELECT count() AS n FROM ${named}`)) !== 2) throw broken('an insert that is sent again adds rows')
    if ((await count(`SELECT sum(_offset) AS n FROM ${named}`)) !== 15)
      throw broken('rows lose their places in the log')
    const filter = { additional_table_filters: `{${quoteText(`${database}.${table}`)}:'n = 1'}` }
    for (const sql of filtered) {
      if ((await count(sql(named, view), filter)) !== 1) throw broken(`row filters do not hold: ${sql('t', 'v')}`)
    }
  } finally {
    await run([
      `DROP VIEW IF EXISTS ${database}.${view}${layout.onCluster} SYNC`,
      ...layout.dropTable(database, table),
    ]).catch(() => undefined)
  }
}

function broken(what: string): DatabaseError {
  return new DatabaseError(
    `The warehouse cannot be used: ${what}. Check the cluster and the settings of the user of CLICKHOUSE_URL, and that ClickHouse is of a version that the README names.`,
    78,
  )
}
