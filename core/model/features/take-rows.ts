import type { Table } from '../table.ts'

/** The rows named, in that order. */
export function takeRows(table: Table, rows: Int32Array): Table {
  const columns = table.columns.map((column) => {
    if (column.kind === 'category') return { ...column, codes: Int32Array.from(rows, (row) => column.codes[row]!) }
    return { ...column, values: Float64Array.from(rows, (row) => column.values[row]!) }
  })
  return { rows: rows.length, columns }
}
