import { mostProbable } from './scored.ts'

/**
 * What is said of every row by somebody who looks at none: of numbers the mean, of classes how often each came, so that
 * the most frequent one is named. One row: [1], or [classes].
 */
export function naive(target: Float64Array, classes: number): Float64Array {
  if (classes === 0) return Float64Array.of(target.reduce((sum, value) => sum + value, 0) / target.length)
  const shares = new Float64Array(classes)
  for (const code of target) shares[code]! += 1 / target.length
  return shares
}

/** The same for each of so many rows. */
export function repeated(row: Float64Array, rows: number): Float64Array {
  const all = new Float64Array(rows * row.length)
  for (let at = 0; at < all.length; at += row.length) all.set(row, at)
  return all
}

/** In words, for the card. */
export function naiveWords(row: Float64Array, labels: readonly string[]): string {
  if (labels.length === 0) return `always the mean, ${row[0]!.toPrecision(4)}`
  const code = mostProbable(row, labels.length)[0]!
  return `always ${labels[code] ?? ''}, which ${(row[code]! * 100).toFixed(1)} % are`
}
