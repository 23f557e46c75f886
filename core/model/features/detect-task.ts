import type { Column } from '../table.ts'
import { isNumericText } from './numeric-text.ts'

export type Task = 'regression' | 'classification'

const fewClasses = 10

/**
 * Texts are classes, unless they are numbers and more than ten of them. Numbers are classes where they are two different
 * whole ones (booleans are 0 and 1), or at most ten, all from 0 to 10. Times are numbers.
 */
export function detectTask(column: Column): Task {
  if (column.kind === 'time') return 'regression'
  if (column.kind === 'category') {
    return distinct(column.codes, (code) => code < 0, fewClasses).size > fewClasses && isNumericText(column)
      ? 'regression'
      : 'classification'
  }
  const values = [...distinct(column.values, (value) => !Number.isFinite(value), fewClasses)]
  if (values.length > fewClasses || !values.every(Number.isInteger)) return 'regression'
  return values.length <= 2 || values.every((value) => value >= 0 && value <= 10) ? 'classification' : 'regression'
}

/** The values there are, or one more than `most` of them. */
function distinct(values: Iterable<number>, isMissing: (value: number) => boolean, most: number): ReadonlySet<number> {
  const found = new Set<number>()
  for (const value of values) {
    if (isMissing(value)) continue
    found.add(value)
    if (found.size > most) break
  }
  return found
}
