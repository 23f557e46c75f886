import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import type { Feature } from '../../core/model/feature.ts'

export interface Sample {
  readonly features: readonly Feature[]
  /** The column as it stands in the file. */
  readonly target: readonly string[]
}

/** A CSV file as features: numbers where every cell that is not blank is one, else categories. */
export function sampleFeatures(path: string, target: string, without: readonly string[] = []): Sample {
  const rows: Record<string, string>[] = parse(readFileSync(path), { columns: true })
  const names = Object.keys(rows[0] ?? {}).filter((name) => name !== target && !without.includes(name))
  const features = names.map((name): Feature => {
    const cells = rows.map((row) => row[name]!.trim())
    if (cells.every((cell) => cell === '' || Number.isFinite(Number(cell)))) {
      return { name, values: Float32Array.from(cells, (cell) => (cell === '' ? NaN : Number(cell))) }
    }
    const labels = [...new Set(cells)].filter((cell) => cell !== '')
    const codes = new Map(labels.map((label, code) => [label, code]))
    return { name, labels, values: Float32Array.from(cells, (cell) => codes.get(cell) ?? NaN) }
  })
  return { features, target: rows.map((row) => row[target]!) }
}
