import type { Column, NumberColumn } from '../table.ts'
import type { Note } from './plan.ts'
import type { Target } from './plan-target.ts'

const leastRows = 20

/** What the card says of a column of numbers: what was missing in disguise, what a float32 cannot hold. */
export function describeNumbers(column: Column, view: NumberColumn, target: Target | undefined): Note[] {
  const found: [finding: string, action: string][] = []
  if (column.kind === 'category') {
    const lost = column.codes.reduce((sum, code, row) => sum + (code >= 0 && Number.isNaN(view.values[row]) ? 1 : 0), 0)
    if (lost === 0) found.push(['texts that are numbers', 'used as numbers'])
    else found.push([`texts that are numbers, but for ${lost} rows`, 'used as numbers, and there as missing'])
  }
  if (column.kind === 'number') {
    const infinite = column.values.filter((value) => Math.abs(value) === Infinity).length
    if (infinite > 0) found.push([`infinite in ${infinite} rows`, 'there taken as missing'])
    const beyond = column.values.filter((value) => Number.isFinite(value) && !isFloat32(value)).length
    if (beyond > 0) found.push([`beyond 3.4e38 in ${beyond} rows`, 'there taken as missing'])
  }
  const rounded = view.values.filter((value) => Number.isInteger(value) && Math.fround(value) !== value).length
  if (rounded > 0) {
    found.push([`whole numbers beyond 2^24 in ${rounded} rows`, 'used with the 24 bits that a float32 has'])
  }
  if (target?.plan.task === 'classification' && separates(view.values, target.values, target.plan.labels.length)) {
    found.push([`its ranges tell every \`${target.plan.name}\` apart`, 'used; check that it is known beforehand'])
  }
  return found.map(([finding, action]) => ({ column: column.name, finding, action }))
}

function isFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value))
}

/** Whether no class's range touches another's. */
function separates(values: Float64Array, target: Float64Array, classes: number): boolean {
  if (values.length < leastRows) return false
  const ranges = Array.from({ length: classes }, () => ({ min: Infinity, max: -Infinity }))
  for (let row = 0; row < target.length; row++) {
    const range = ranges[target[row]!]!
    const value = values[row]!
    if (value < range.min) range.min = value
    if (value > range.max) range.max = value
  }
  ranges.sort((a, b) => a.min - b.min)
  return ranges.every(({ min }, at) => Number.isFinite(min) && (at === 0 || min > ranges[at - 1]!.max))
}
