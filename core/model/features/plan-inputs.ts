import type { CategoryColumn, NumberColumn, TimeColumn } from '../table.ts'
import { countLabels } from './numeric-text.ts'
import type { CategoryInput, Note, NumberInput, TimeInput } from './plan.ts'
import { timeParts } from './time-parts.ts'

export function planNumber({ name, values }: NumberColumn): NumberInput {
  const { missing, min, max } = rangeOf(values)
  return { name, kind: 'number', missing, min: Math.fround(min), max: Math.fround(max) }
}

/** The most frequent texts get a code each, all others one together. */
export function planCategory({ name, codes, labels }: CategoryColumn, most: number): [CategoryInput, readonly Note[]] {
  const counts = countLabels(codes, labels.length)
  const seen = [...labels.keys()].filter((code) => counts[code]! > 0)
  // Of equally frequent ones the first in code units, so that the order of rows decides nothing.
  seen.sort((a, b) => counts[b]! - counts[a]! || (labels[a]! < labels[b]! ? -1 : 1))
  const kept = seen.slice(0, most)
  const other = seen.length > kept.length
  const rows = counts.reduce((sum, n) => sum + n, 0)
  const input: CategoryInput = {
    name,
    kind: 'category',
    missing: codes.length - rows,
    labels: kept.map((code) => labels[code]!),
    other,
  }
  if (!other) return [input, []]
  const covered = kept.reduce((sum, code) => sum + counts[code]!, 0)
  const finding = `${seen.length} different texts`
  const action = `the ${most} most frequent (${percent(covered / rows)} of the rows) are told apart, all others are one`
  return [input, [{ column: name, finding, action }]]
}

/** What is the same in all rows is no part. */
export function planTime({ name, values }: TimeColumn): TimeInput {
  const parts = timeParts.filter(({ of }) => {
    let first: number | undefined
    return values.some((ms) => {
      if (Number.isNaN(ms)) return false
      first ??= of(ms)
      return of(ms) !== first
    })
  })
  const names = parts.map(({ name: part }) => part)
  // Of a time that is there or not, but never another, the days say so.
  return { name, kind: 'time', parts: names.length === 0 ? ['days'] : names, ...rangeOf(values) }
}

function rangeOf(values: Float64Array): { missing: number; min: number; max: number } {
  let missing = 0
  let min = Infinity
  let max = -Infinity
  for (const value of values) {
    if (Number.isNaN(value)) missing++
    else {
      if (value < min) min = value
      if (value > max) max = value
    }
  }
  return { missing, min, max }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
