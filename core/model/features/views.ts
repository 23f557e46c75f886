/** A column as numbers, texts or times, whatever it came as. */
import { Failure } from '#mesh/errors.ts'
import type { CategoryColumn, Column, NumberColumn, TimeColumn } from '../table.ts'
import { parseNumber } from './numeric-text.ts'

/** As the model sees numbers: what is infinite, or is so as a float32, is missing. */
export function asNumbers(column: Column): NumberColumn {
  if (column.kind === 'number') return { ...column, values: column.values.map(finite) }
  if (column.kind === 'time') throw mismatch(column, 'a number')
  const numbers = column.labels.map(parseNumber).map(finite)
  const values = Float64Array.from(column.codes, (code) => (code < 0 ? Number.NaN : numbers[code]!))
  return { name: column.name, kind: 'number', values }
}

/** As the model sees texts: a blank one is missing; ONNX Runtime ends a text at a NUL, so there is another mark there. */
export function asTexts(column: Column): CategoryColumn {
  if (column.kind === 'time') throw mismatch(column, 'a text')
  const labels = new Map<string, number>()
  function codeOf(text: string): number {
    if (text.trim() === '') return -1
    const label = text.replaceAll('\0', '\uFFFD')
    const known = labels.get(label)
    if (known !== undefined) return known
    labels.set(label, labels.size)
    return labels.size - 1
  }
  let codes: Int32Array
  if (column.kind === 'category') {
    const moved = column.labels.map(codeOf)
    codes = column.codes.map((code) => (code < 0 ? -1 : moved[code]!))
  } else codes = Int32Array.from(column.values, (value) => (Number.isNaN(value) ? -1 : codeOf(String(value))))
  return { name: column.name, kind: 'category', codes, labels: [...labels.keys()] }
}

/** Whole milliseconds since 1970. */
export function asTimes(column: Column): TimeColumn {
  if (column.kind !== 'time') throw mismatch(column, 'a time')
  return { ...column, values: column.values.map((ms) => Math.floor(finite(ms))) }
}

function finite(value: number): number {
  return Number.isFinite(Math.fround(value)) ? value : Number.NaN
}

function mismatch({ name, kind }: Column, wanted: string): Failure {
  return new Failure('request.invalid', `\`${name}\` is a ${kind} here; the model takes ${wanted}.`, {
    hint: 'Convert the column in the SELECT.',
    errors: [{ pointer: name, reason: `must be ${wanted}` }],
  })
}
