import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import type { Column, Table } from '../../core/model/table.ts'

/** A CSV file as a table: numbers where every cell that is not blank is one, else categories. */
export function sampleTable(path: string): Table {
  const rows: Record<string, string>[] = parse(readFileSync(path), { columns: true })
  const columns = Object.keys(rows[0] ?? {}).map((name): Column => {
    const cells = rows.map((row) => row[name]!.trim())
    if (cells.every((cell) => cell === '' || Number.isFinite(Number(cell)))) {
      const values = Float64Array.from(cells, (cell) => (cell === '' ? Number.NaN : Number(cell)))
      return { name, kind: 'number', values }
    }
    const labels = [...new Set(cells)].filter((cell) => cell !== '')
    const codes = new Map(labels.map((label, code) => [label, code]))
    return { name, kind: 'category', labels, codes: Int32Array.from(cells, (cell) => codes.get(cell) ?? -1) }
  })
  return { rows: rows.length, columns }
}
