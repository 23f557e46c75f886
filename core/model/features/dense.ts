import type { Feature } from '../feature.ts'
import type { DensePlan } from './plan-dense.ts'

/** Nothing in it is missing. */
export interface Dense {
  readonly rows: number
  /** One a column. */
  readonly names: readonly string[]
  /** Row-major [rows × columns]. */
  readonly values: Float32Array
}

/** The same numbers, to the bit, as the graph of `addDense` makes of the same features. */
export function dense({ columns }: DensePlan, features: readonly Feature[]): Dense {
  const rows = features[0]?.values.length ?? 0
  const width = columns.length
  const all = new Float32Array(rows * width)
  for (const [at, column] of columns.entries()) {
    const { values } = features[column.feature]!
    if (column.kind === 'number') {
      const { mean, perDeviation } = column
      for (let row = 0; row < rows; row++) {
        const value = values[row]!
        if (!Number.isNaN(value)) all[row * width + at] = Math.fround(value - mean) * perDeviation
      }
    } else if (column.kind === 'missing') {
      for (let row = 0; row < rows; row++) if (Number.isNaN(values[row])) all[row * width + at] = 1
    } else for (let row = 0; row < rows; row++) if (values[row] === column.code) all[row * width + at] = 1
  }
  return { rows, names: columns.map(({ name }) => name), values: all }
}
