import { type MetricName, metrics } from './metrics.ts'
import { shuffled } from './folds.ts'
import type { Column, Table } from '../table.ts'

export interface Importance {
  readonly column: string
  /** How much worse the metric is without what the column says, mean over the repeats. Below 0 is chance. */
  readonly loss: number
}

interface ImportanceOptions {
  readonly table: Table
  readonly actual: Float64Array
  readonly classes: number
  readonly metric: MetricName
  readonly seed: number
  readonly repeats?: number
  /** What the model says of the rows of a table, as in `Scored`. */
  readonly predict: (table: Table) => Float64Array
  readonly onProgress?: ((done: number, of: number) => void) | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

/** Permutation importance of each raw column (Breiman 2001; Fisher, Rudin & Dominici 2019), most important first. */
export function importance(options: ImportanceOptions): Importance[] {
  const { table, actual, classes, metric, seed, repeats = 3, predict, onProgress, signal } = options
  const measure = (outputs: Float64Array): number => metrics[metric].measure({ actual, outputs, classes })
  const whole = measure(predict(table))
  const found = table.columns.map((column, at) => {
    onProgress?.(at, table.columns.length)
    let loss = 0
    for (let repeat = 0; repeat < repeats; repeat++) {
      signal?.throwIfAborted()
      const order = shuffled(table.rows, seed + repeat)
      const columns = table.columns.with(at, reordered(column, order))
      const without = measure(predict({ rows: table.rows, columns }))
      loss += metrics[metric].better === 'higher' ? whole - without : without - whole
    }
    return { column: column.name, loss: loss / repeats }
  })
  return found.sort((a, b) => b.loss - a.loss)
}

function reordered(column: Column, order: Int32Array): Column {
  if (column.kind === 'category') return { ...column, codes: Int32Array.from(order, (row) => column.codes[row]!) }
  return { ...column, values: Float64Array.from(order, (row) => column.values[row]!) }
}
