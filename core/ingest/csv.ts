import { isUtf8 } from 'node:buffer'
import { parse } from 'csv-parse/sync'
import { Failure } from '#mesh/errors.ts'
import type { IngestLimits } from './limits.ts'
import type { Broken, Rows } from './rows.ts'
import { bareType, type ColumnType, isNullable } from './types.ts'

/** A CSV file (RFC 4180): the names of its header, and its records as text. */
export interface Table {
  readonly header: readonly string[]
  readonly records: readonly (readonly string[])[]
}

export function readCsv(body: Buffer, limits: Pick<IngestLimits, 'maxRows' | 'maxRowBytes' | 'maxColumns'>): Table {
  if (!isUtf8(body)) throw refused('is not valid UTF-8')
  let records: string[][]
  try {
    records = parse(body, {
      bom: true,
      relax_column_count: true,
      // A quote inside a bare value is only a character, as in 37°36'37.8".
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: limits.maxRowBytes,
      // One more than is taken, and the header: enough to see that there are too many.
      to: limits.maxRows + 2,
    })
  } catch (error) {
    const { message, code } = error as Error & { code?: string }
    if (code === 'CSV_MAX_RECORD_SIZE') {
      throw new Failure('request.too_large', `A row has more than ${limits.maxRowBytes} bytes.`)
    }
    throw refused(`is not CSV: ${message.slice(0, 200)}`)
  }
  const [header = [], ...rest] = records
  if (rest.length > limits.maxRows) {
    throw new Failure('request.too_large', `The batch has more than ${limits.maxRows} rows.`)
  }
  if (header.length > limits.maxColumns) {
    throw new Failure(
      'request.too_large',
      `The header has ${header.length} columns; at most ${limits.maxColumns} are taken.`,
    )
  }
  const names = new Set<string>()
  for (const [i, name] of header.entries()) {
    if (name === '') throw refused(`has no name for column ${i + 1} in its header`)
    if (names.has(name)) throw refused(`has the column \`${name.slice(0, 60)}\` twice in its header`)
    names.add(name)
  }
  return { header, records: rest }
}

function refused(reason: string): Failure {
  return new Failure('request.invalid', `The body ${reason}.`, { errors: [{ pointer: 'body', reason }] })
}

/** The records as JSON rows; `typeOf` says what a column holds, so that its values can be written as JSON of that type. */
export function csvRows({ header, records }: Table, typeOf: (column: string) => ColumnType | undefined): Rows {
  const broken = new Map<number, Broken>()
  const columns = header.map((name) => ({ quoted: JSON.stringify(name), write: writer(typeOf(name)) }))
  const texts = records.map((record, row) => {
    if (record.length !== header.length) {
      const reason = `has ${record.length} values where the header has ${header.length} columns`
      broken.set(row, { reason, text: JSON.stringify(record) })
      return undefined
    }
    let text = ''
    for (const [i, column] of columns.entries()) {
      const raw = column.write(record[i] ?? '')
      text += `${i === 0 ? '{' : ','}${column.quoted}:${raw}`
    }
    return `${text}}`
  })
  return { texts, broken }
}

/** A number as JSON writes it. */
export const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const looseInteger = /^\s*([+-]?)0*(\d+)\s*$/
const looseFraction = /^\s*([+-]?)0*(\d*)(\.\d*)?([eE][+-]?\d+)?\s*$/

/** How a value becomes JSON. What does not fit the type is passed on as a string, which the validator refuses by name. */
function writer(type: ColumnType | undefined): (value: string) => string {
  if (type === undefined) return (value) => JSON.stringify(value)
  const bare = bareType(type)
  const empty = isNullable(type) ? 'null' : emptyOf(bare)
  const write = bareWriter(bare)
  if (bare.kind === 'String' || bare.kind === 'FixedString') {
    return (value) => (value === '' ? empty : JSON.stringify(value))
  }
  return (value) => (value.trim() === '' ? empty : write(value))
}

function emptyOf(type: ColumnType): string {
  switch (type.kind) {
    case 'Integer':
    case 'Float':
    case 'Decimal':
      return '0'
    case 'Bool':
      return 'false'
    case 'Array':
      return '[]'
    case 'Map':
    case 'JSON':
      return '{}'
    default:
      // A time, an address or a listed value has no empty one that would mean something.
      return '""'
  }
}

function bareWriter(type: ColumnType): (value: string) => string {
  switch (type.kind) {
    case 'Bool':
      return (value) => {
        const word = value.trim().toLowerCase()
        if (word === 'true' || word === '1') return 'true'
        return word === 'false' || word === '0' ? 'false' : JSON.stringify(value)
      }
    case 'Integer':
    case 'DateTime':
    case 'DateTime64':
    case 'Float':
    case 'Decimal':
      return (value) => number(value) ?? JSON.stringify(value.trim())
    case 'Array':
    case 'Map':
    case 'JSON':
      return (value) => (isJson(value) ? value : JSON.stringify(value))
    default:
      return (value) => JSON.stringify(value)
  }
}

/** A number's own text, or without what JSON does not know: `+5`, `007`, `.5`. */
function number(value: string): string | undefined {
  if (jsonNumber.test(value)) return value
  const whole = looseInteger.exec(value)
  if (whole !== null) return `${whole[1] === '-' ? '-' : ''}${whole[2]}`
  const match = looseFraction.exec(value)
  if (match === null || !/\d/.test(`${match[2]}${match[3] ?? ''}`)) return undefined
  const fraction = match[3] === undefined || match[3] === '.' ? '' : match[3]
  return `${match[1] === '-' ? '-' : ''}${match[2] || '0'}${fraction}${match[4] ?? ''}`
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value)
    return true
  } catch {
    return false
  }
}
