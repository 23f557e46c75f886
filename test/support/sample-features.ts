import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import type { Feature } from '../../core/model/feature.ts'
import { createRandom } from '../../core/model/random.ts'

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

/** A fold for each row, 0 to `folds` − 1, of about as many rows each. */
export function foldsOf(rows: number, folds: number, seed: number): Int32Array {
  const random = createRandom(seed)
  const order = Array.from({ length: rows }, (_, row) => ({ row, at: random() })).sort((a, b) => a.at - b.at)
  const fold = new Int32Array(rows)
  for (const [i, { row }] of order.entries()) fold[row] = i % folds
  return fold
}

/** The share of pairs, one of each class, that are in the right order (Hanley & McNeil 1982). */
export function areaUnderCurve(actual: ArrayLike<number>, said: ArrayLike<number>): number {
  const order = Array.from(said, (score, row) => ({ score, row })).sort((a, b) => a.score - b.score)
  let [positives, ranks] = [0, 0]
  for (let i = 0; i < order.length;) {
    let end = i
    while (end < order.length && order[end]!.score === order[i]!.score) end++
    for (let at = i; at < end; at++) {
      if (actual[order[at]!.row] !== 1) continue
      positives++
      ranks += (i + 1 + end) / 2
    }
    i = end
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (order.length - positives))
}

export function rootMeanSquare(actual: ArrayLike<number>, said: ArrayLike<number>): number {
  let sum = 0
  for (let row = 0; row < actual.length; row++) sum += (actual[row]! - said[row]!) ** 2
  return Math.sqrt(sum / actual.length)
}
