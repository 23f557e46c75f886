import { hash } from 'node:crypto'
import type { Context } from '../context.ts'
import type { Warehouse, WarehouseQuery } from '../storage/warehouse.ts'

/** What a statement will read at most, as the engine sees it before it begins. */
export interface Price {
  readonly rows: number
  readonly bytes: number
}

export type Prices = ReturnType<typeof createPrices>

const maxKept = 1_000
/** Tables grow; a price only decides how much is held until it is known what was read. */
const keptMs = 30_000

/**
 * Prices by `EXPLAIN ESTIMATE`, with the same row filters and settings that the statement will have: rows after the
 * primary key and partitions have been looked at. Bytes are those rows at their table's mean width, over all columns. What
 * a scalar subquery or a table function reads is not in it, and a LIMIT is not seen; what was read in truth settles it.
 */
export function createPrices({ warehouse, now = Date.now }: { readonly warehouse: Warehouse; now?: () => number }) {
  const prices = new Map<string, { readonly price: Price; readonly until: number }>()
  const widths = new Map<string, { readonly width: number; readonly until: number }>()

  async function widthOf(ctx: Context, table: string): Promise<number> {
    const { workspace } = ctx.actor
    const key = `${workspace}.${table}`
    const known = widths.get(key)
    if (known !== undefined && known.until > now()) return known.width
    const [found] = await warehouse.rows<{ width: number }>({
      sql: `SELECT toFloat64(ifNull(total_bytes_uncompressed, 0)) / greatest(ifNull(total_rows, 0), 1) AS width
            FROM system.tables WHERE database = {database:String} AND name = {table:String}`,
      database: workspace,
      params: { database: workspace, table },
      deadline: ctx.deadline,
      signal: ctx.signal,
    })
    const width = found?.width ?? 0
    keep(widths, key, { width, until: now() + keptMs })
    return width
  }

  return {
    async of(
      ctx: Context,
      query: Pick<WarehouseQuery, 'sql' | 'database' | 'params' | 'settings'>,
      filters: object,
    ): Promise<Price> {
      const text = JSON.stringify([query.database, query.sql, query.params, filters])
      const key = hash('sha256', text)
      const known = prices.get(key)
      if (known !== undefined && known.until > now()) return known.price
      const tables = await warehouse.rows<{ table: string; rows: string }>({
        ...query,
        sql: `EXPLAIN ESTIMATE ${query.sql}`,
        deadline: ctx.deadline,
        signal: ctx.signal,
      })
      let [rows, bytes] = [0, 0]
      for (const { table, rows: read } of tables) {
        rows += Number(read)
        bytes += Math.ceil(Number(read) * (await widthOf(ctx, table)))
      }
      const price = { rows, bytes }
      keep(prices, key, { price, until: now() + keptMs })
      return price
    },
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= maxKept) break
    map.delete(oldest)
  }
}
