import type { CategoryColumn, NumberColumn } from '../table.ts'
import { countLabels, isNumericText, parseNumber } from './numeric-text.ts'

/** In fewer rows anything may be unique. */
const leastRows = 20
/** `id`, `customer_id`, `customerID`, `orderId`. */
const idName = /(?:^|_)(?:id|ID|Id)$|[a-z](?:ID|Id)$/

/**
 * A number for each row says which row it is, and nothing of the next: whole numbers, all different, that grow or fall
 * with the rows, or are a range without gaps, or are called an id.
 */
export function findIdNumber({ name, values }: NumberColumn): string | undefined {
  if (values.some((value) => !isWholeOrNone(value))) return undefined
  const present = values.filter((value) => !Number.isNaN(value))
  if (present.length < leastRows) return undefined
  const step = Math.sign(present[1]! - present[0]!)
  if (step !== 0 && present.every((value, at) => at === 0 || (value - present[at - 1]!) * step > 0)) {
    return `an identifier: whole numbers that ${step > 0 ? 'grow' : 'fall'} from row to row`
  }
  if (!isGapless(present) && !idName.test(name)) return undefined
  return new Set(present).size === present.length ? 'an identifier: whole numbers, different in each row' : undefined
}

/** Texts of which nine in ten rows have their own; a measure written as text may, so it must be whole. */
export function findIdText(column: CategoryColumn): string | undefined {
  const counts = countLabels(column.codes, column.labels.length)
  const present = counts.reduce((sum, rows) => sum + rows, 0)
  const distinct = counts.filter((rows) => rows > 0).length
  if (present < leastRows || distinct < 0.9 * present) return undefined
  if (isNumericText(column) && !column.labels.every((label) => isWholeOrNone(parseNumber(label)))) return undefined
  return `an identifier, or free text: ${distinct} different texts in ${present} rows`
}

function isGapless(values: Float64Array): boolean {
  let min = Infinity
  let max = -Infinity
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  return max - min + 1 === values.length
}

function isWholeOrNone(value: number): boolean {
  return Number.isNaN(value) || Number.isInteger(value)
}
