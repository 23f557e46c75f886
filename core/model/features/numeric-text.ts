import type { CategoryColumn } from '../table.ts'

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
/** A postcode, a telephone number: digits that are no quantity. */
const digits = /^[+-]?0\d/

/** NaN where the text is none. */
export function parseNumber(text: string): number {
  const trimmed = text.trim()
  return number.test(trimmed) ? Number(trimmed) : Number.NaN
}

/** Whether texts are numbers: 99 % of the rows that are not blank, and none with a leading zero. */
export function isNumericText({ codes, labels }: CategoryColumn): boolean {
  const counts = countLabels(codes, labels.length)
  let numbers = 0
  let others = 0
  for (const [code, label] of labels.entries()) {
    const rows = counts[code]!
    const text = label.trim()
    if (rows === 0 || text === '') continue
    if (digits.test(text)) return false
    if (number.test(text)) numbers += rows
    else others += rows
  }
  return numbers > 0 && numbers >= 0.99 * (numbers + others)
}

/** Rows of each label. */
export function countLabels(codes: Int32Array, labels: number): Uint32Array {
  const counts = new Uint32Array(labels)
  for (const code of codes) if (code >= 0) counts[code]!++
  return counts
}
