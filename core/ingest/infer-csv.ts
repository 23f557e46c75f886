import { jsonNumber, type Table } from './csv.ts'
import { parseDay, parseTime } from './times.ts'
import type { ColumnType } from './types.ts'

/** The types that a first file's columns have, where every value of a column agrees; text otherwise. Blank is NULL. */
export function inferCsv({ header, records }: Table): Map<string, ColumnType> {
  const types = new Map<string, ColumnType>()
  for (const [i, name] of header.entries()) {
    let rows = 0
    let blank = false
    const fits = new Set(guesses)
    for (const record of records) {
      if (record.length !== header.length) continue
      const value = record[i] ?? ''
      if (value.trim() === '') blank = true
      else {
        rows++
        for (const guess of fits) if (!guess.test(value)) fits.delete(guess)
      }
    }
    const guess = rows === 0 ? undefined : guesses.find((candidate) => fits.has(candidate))
    const type: ColumnType = guess?.type ?? { kind: 'String' }
    types.set(name, blank && type.kind !== 'String' ? { kind: 'Nullable', of: type } : type)
  }
  return types
}

/** From narrow to wide. A leading zero, as of a postcode, is text. */
const guesses: readonly { readonly type: ColumnType; test(value: string): boolean }[] = [
  { type: { kind: 'Bool' }, test: (value) => /^(true|false)$/i.test(value) },
  {
    type: { kind: 'Integer', bits: 64, signed: true },
    test: (value) => isWhole(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value),
  },
  {
    type: { kind: 'Integer', bits: 64, signed: false },
    test: (value) => isWhole(value) && BigInt.asUintN(64, BigInt(value)) === BigInt(value),
  },
  // A whole number that a double cannot hold exactly is not a Float64: as text it stays what it is.
  {
    type: { kind: 'Float', bits: 64 },
    test: (value) =>
      jsonNumber.test(value) &&
      Number.isFinite(Number(value)) &&
      (!isWhole(value) || Number.isSafeInteger(Number(value))),
  },
  { type: { kind: 'Date' }, test: (value) => isDay(value) },
  {
    type: { kind: 'DateTime64', scale: 3, timezone: undefined },
    test: (value) => /^(19|2[012])\d\d-/.test(value) && parseDay(value) === undefined && parseTime(value) !== undefined,
  },
]

function isWhole(value: string): boolean {
  return /^-?(0|[1-9]\d{0,19})$/.test(value)
}

function isDay(value: string): boolean {
  const day = parseDay(value)
  return day !== undefined && day >= 0 && day <= 65_535
}
