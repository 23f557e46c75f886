import { Failure } from '#mesh/errors.ts'
import { asNumbers, asTimes } from '../features/views.ts'
import type { ForecastRows } from '../forecast/train.ts'
import type { Column, Table } from '../table.ts'

export interface SeriesColumns {
  readonly time: string
  readonly value: string
  /** What tells one series from another; none where there is one. */
  readonly by: readonly string[]
}

/** A series' key of the texts of its columns; '' where there is one series. */
export function keyOf(texts: readonly string[]): string {
  return texts.length === 0 ? '' : JSON.stringify(texts)
}

export function textsOf(key: string): readonly string[] {
  return key === '' ? [] : (JSON.parse(key) as string[])
}

/** What a key says, by the columns that it is made of. */
export function namedKey(key: string, by: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(textsOf(key).map((text, at) => [by[at]!, text]))
}

/** The rows of each series, in the order in which series begin. Rows without a time count for nothing. */
export function groupsOf(table: Table, { time, value, by }: SeriesColumns): ForecastRows[] {
  const times = asTimes(timeColumn(columnOf(table, time))).values
  const values = asNumbers(numberColumn(columnOf(table, value))).values
  const texts = by.map((name) => textOf(columnOf(table, name)))
  const rows = new Map<string, number[]>()
  for (let row = 0; row < table.rows; row++) {
    if (Number.isNaN(times[row])) continue
    const key = keyOf(texts.map((of) => of(row)))
    const own = rows.get(key)
    if (own === undefined) rows.set(key, [row])
    else own.push(row)
  }
  if (rows.size === 0) throw new Failure('model.no_rows', `No row has a time in \`${time}\`.`)
  return Array.from(rows, ([key, own]) => ({
    key,
    times: Float64Array.from(own, (row) => times[row]!),
    values: Float64Array.from(own, (row) => values[row]!),
  }))
}

/** As text, whatever it was. */
function textOf(column: Column): (row: number) => string {
  if (column.kind !== 'category') return (row) => keyText(column.kind, column.values[row]!)
  return (row) => (column.codes[row]! < 0 ? '' : column.labels[column.codes[row]!]!)
}

/** A cell as a part of a key: what is missing or blank is empty. */
export function keyText(kind: Column['kind'], cell: number | string): string {
  if (typeof cell === 'string') return cell.trim() === '' ? '' : cell
  if (Number.isNaN(cell)) return ''
  return kind === 'time' ? new Date(cell).toISOString() : String(cell)
}

type Kind = Pick<Column, 'name' | 'kind'>

export function timeColumn<T extends Kind>(column: T): T {
  if (column.kind === 'time') return column
  throw refused(
    'ORDER BY',
    column.name,
    'is no time',
    'Make it one in the SELECT: toDateTime(…), parseDateTimeBestEffort(…).',
  )
}

export function numberColumn<T extends Kind>(column: T): T {
  if (column.kind !== 'time') return column
  throw refused('PREDICT', column.name, 'is a time, and no number', 'PREDICT a number.')
}

function columnOf(table: Table, name: string): Column {
  const column = table.columns.find((known) => known.name === name)
  if (column !== undefined) return column
  throw refused('FROM', name, 'has a type that cannot be read', 'Select a part of it: a number, a text or a time.')
}

function refused(pointer: string, name: string, reason: string, hint: string): Failure {
  return new Failure('request.invalid', `\`${name}\` ${reason}.`, {
    hint,
    errors: [{ pointer, reason: `\`${name}\` ${reason}` }],
  })
}
