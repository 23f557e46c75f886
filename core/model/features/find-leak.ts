/**
 * Columns that know the target: another name of it, or something that is only known afterwards. Kaufman et al. 2012,
 * "Leakage in Data Mining". What chance may do in a few rows is no leak.
 */
import type { Column } from '../table.ts'
import type { Target } from './plan-target.ts'

const leastRows = 20
/** Rows that must bear a claim out. */
const leastWitnesses = 5
/** Values that are kept in mind; a column of more decides nothing by them. */
const mostValues = 10_000

/** Columns and target have the same rows, all with a target. */
export function findLeak(column: Column, { plan, values: target }: Target): string | undefined {
  if (target.length < leastRows) return undefined
  const values: ArrayLike<number> = column.kind === 'category' ? column.codes : column.values
  if (plan.task === 'classification' && isMissingByClass(column, target, plan.labels.length)) {
    return `it is missing in all rows of some \`${plan.name}\` and in none of the others: known only afterwards`
  }
  if (isDecidedBy(values, target, plan.task === 'classification')) {
    return `each of its values has one \`${plan.name}\` only: it is the target, or decides it`
  }
  if (plan.task === 'regression' && column.kind === 'number' && isMonotone(column.values, target)) {
    return `\`${plan.name}\` is the same in other units: it grows or falls with it without an exception`
  }
  return undefined
}

/** Each class is wholly with it or wholly without it. */
function isMissingByClass(column: Column, target: Float64Array, classes: number): boolean {
  const [present, missing] = [new Uint32Array(classes), new Uint32Array(classes)]
  for (let row = 0; row < target.length; row++) {
    const [own, other] = isMissing(column, row) ? [missing, present] : [present, missing]
    const code = target[row]!
    own[code]!++
    if (other[code]! > 0) return false
  }
  return sum(present) >= leastWitnesses && sum(missing) >= leastWitnesses
}

function isMissing(column: Column, row: number): boolean {
  return column.kind === 'category' ? column.codes[row]! < 0 : Number.isNaN(column.values[row])
}

/**
 * Rows of one value, or of none, have one target; five rows a value on average, and in classification two rows a value
 * outside the most frequent class, so that it was put to the test.
 */
function isDecidedBy(values: ArrayLike<number>, target: Float64Array, classes: boolean): boolean {
  const most = Math.min(mostValues, Math.floor(target.length / leastWitnesses))
  const decided = new Map<number, number>()
  for (let row = 0; row < target.length; row++) {
    const known = target[row]!
    const value = values[row]!
    const before = decided.get(value)
    if (before === undefined) {
      if (decided.size === most) return false
      decided.set(value, known)
    } else if (before !== known) return false
  }
  if (!classes) return true
  const rows = countOf(target)
  const common = [...rows].reduce((a, b) => (b[1] > a[1] ? b : a))[0]
  const others = target.length - rows.get(common)!
  const groups = [...decided.values()].filter((known) => known !== common).length
  return others >= leastWitnesses && others >= 2 * groups
}

/** Whether the target grows with the value, or falls, in steps or steadily, and equal values have equal targets. */
function isMonotone(values: Float64Array, target: Float64Array): boolean {
  const present = Int32Array.from(values.keys()).filter((row) => !Number.isNaN(values[row]))
  // A thousand rows refute nearly every column, without sorting it.
  const few = present.filter((_, at) => at % Math.ceil(present.length / 1000) === 0)
  return present.length >= leastRows && growsWith(values, target, few) && growsWith(values, target, present)
}

function growsWith(values: Float64Array, target: Float64Array, rows: Int32Array): boolean {
  const order = rows.toSorted((a, b) => values[a]! - values[b]!)
  const [first, last] = [target[order[0]!]!, target[order.at(-1)!]!]
  const sign = Math.sign(last - first)
  return (
    sign !== 0 &&
    order.every((row, at) => {
      if (at === 0) return true
      const before = order[at - 1]!
      const step = (target[row]! - target[before]!) * sign
      return values[row] === values[before] ? step === 0 : step >= 0
    })
  )
}

function countOf(values: Float64Array): Map<number, number> {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function sum(counts: Uint32Array): number {
  return counts.reduce((total, n) => total + n, 0)
}
