import type { Column } from '../table.ts'
import { isBetter, type MetricName, metrics } from './metrics.ts'
import { type Scored, someOf } from './scored.ts'

/** Rows that have something in common. */
export interface Slice {
  readonly column: string
  /** `= Two year`, `from 12 to below 40`, `is missing`. */
  readonly condition: string
  readonly rows: number
  readonly value: number
}

/** Fewer say nothing. */
const leastRows = 30
const most = 5

/**
 * Where the model is worse than over all rows: by each label of a category and each quarter of a number, worst first.
 * Columns have the same rows as `scored`.
 */
export function slices(scored: Scored, columns: readonly Column[], metric: MetricName): Slice[] {
  const overall = metrics[metric].measure(scored)
  const found = columns.flatMap((column) => {
    const parts = column.kind === 'category' ? labelsOf(column.codes, column.labels) : quartersOf(column.values)
    return [...parts].flatMap(([condition, rows]): Slice[] => {
      if (rows.length < leastRows || rows.length === scored.actual.length) return []
      const value = metrics[metric].measure(someOf(scored, Int32Array.from(rows)))
      return isBetter(metric, overall, value)
        ? [{ column: column.name, condition: worded(condition, column), rows: rows.length, value }]
        : []
    })
  })
  return found
    .sort((a, b) => (metrics[metric].better === 'higher' ? a.value - b.value : b.value - a.value))
    .slice(0, most)
}

function labelsOf(codes: Int32Array, labels: readonly string[]): Map<string, number[]> {
  return grouped(codes.length, (row) => (codes[row]! < 0 ? missing : `= ${labels[codes[row]!] ?? ''}`))
}

const missing = 'is missing'

/** Cut at the quartiles that differ. */
function quartersOf(values: Float64Array): Map<string, number[]> {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort()
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!
  const cuts = [...new Set([0.25, 0.5, 0.75].map(at))].filter((cut) => cut > sorted[0]!)
  const words = cuts.concat(Infinity).map((to, part) => {
    const from = cuts[part - 1]
    if (from === undefined) return to === Infinity ? 'is there' : `< ${to}`
    return to === Infinity ? `>= ${from}` : `>= ${from} and < ${to}`
  })
  return grouped(values.length, (row) => {
    const value = values[row]!
    if (Number.isNaN(value)) return missing
    const part = cuts.findIndex((cut) => value < cut)
    return words[part < 0 ? cuts.length : part]!
  })
}

/** Times are cut as numbers and read as times. */
function worded(condition: string, { kind }: Column): string {
  if (kind !== 'time') return condition
  return condition.replace(/-?\d+(\.\d+)?/g, (ms) => new Date(Number(ms)).toISOString())
}

function grouped(rows: number, keyOf: (row: number) => string): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (let row = 0; row < rows; row++) {
    const key = keyOf(row)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return groups
}
