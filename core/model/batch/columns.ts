import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { quoteName, quoteOfRows } from '../../storage/quote.ts'
import type { RowsOutput } from '../statements/model-read.ts'
import type { RowsFormat } from './message.ts'

export interface Column {
  readonly name: string
  readonly type: string
}

/** A column of the rows, and what it is called in the answer. */
export interface Own extends Column {
  readonly as: string
}

/** What a model adds to a row. */
export interface Added<Output> extends Column {
  readonly output: Output
}

/** What was asked for, of the rows' own columns and of what the model offers. */
export function chosenOf<Output>(
  columns: readonly Column[],
  offered: readonly Added<Output>[],
  outputs: readonly RowsOutput[],
  model: string,
): { readonly own: readonly Own[]; readonly added: readonly Added<Output>[] } {
  const own: Own[] = []
  const added: Added<Output>[] = []
  for (const { of, column, as } of outputs) {
    if (of === 'rows' && column === undefined) own.push(...columns.map((one) => ({ ...one, as: one.name })))
    else if (of === 'rows') {
      const found = columnOf(columns, column!.name, 'The rows have')
      own.push({ ...found, as: as?.name ?? found.name })
    } else {
      const wanted = column === undefined ? offered : [columnOf(offered, column.name, `\`${model}\` answers`)]
      added.push(...wanted.map((one) => ({ ...one, name: as?.name ?? one.name })))
    }
  }
  return { own, added }
}

/** A column that the model asks for. */
export function inputOf(columns: readonly Column[], name: string): Column {
  return columnOf(columns, name, 'The model asks for what the rows do not have: they have')
}

/** Names and types of the answer. */
export function answered(own: readonly Own[], added: readonly Added<unknown>[]): readonly Column[] {
  return [...own.map(({ as: name, type }) => ({ name, type })), ...added.map(({ name, type }) => ({ name, type }))]
}

/** A row as the engine writes it. */
export function writtenBy(format: RowsFormat, own: readonly Own[]): string {
  if (own.length === 0) return `''`
  const columns = own.map(({ name, as }) => `${quoteOfRows(name)} AS ${quoteName(as)}`).join(', ')
  return `formatRow('${format === 'CSVWithNames' ? 'CSV' : 'JSONEachRow'}', ${columns})`
}

function columnOf<T extends Column>(columns: readonly T[], name: string, who: string): T {
  const found = columns.find((one) => one.name === name)
  if (found !== undefined) return found
  const names = columns.map((one) => one.name)
  const near = closest(name, names)
  throw new Failure('query.unknown_column', `There is no column \`${name.slice(0, 64)}\`.`, {
    hint: near === undefined ? `${who} ${names.slice(0, 50).join(', ')}.` : `Did you mean \`${near}\`?`,
  })
}
