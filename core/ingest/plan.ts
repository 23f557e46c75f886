import { setImmediate } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { compileDefinition } from './compile.ts'
import { columnNameProblem, columnType } from './columns.ts'
import type { Batch } from './decode.ts'
import type { Column, Definition } from './definition.ts'
import { flatten } from './flatten.ts'
import { inferColumns, inferTime } from './infer.ts'
import { type BadRow, judge, type Judged } from './judge.ts'
import type { IngestLimits } from './limits.ts'
import type { Rows } from './rows.ts'
import { depthOf } from './scan.ts'
import type { Stream } from './streams.ts'
import { parseType } from './parse-type.ts'
import { isNullable, typeText } from './types.ts'
import { clip } from './verdict.ts'

/** What a batch would do: nothing has happened yet. */
export interface Plan {
  readonly good: Judged['good']
  readonly bad: readonly BadRow[]
  /** The stream's definition once the batch is in; undefined where no row could say what a new stream holds. */
  readonly definition: Definition | undefined
  readonly changed: boolean
}

/** Judges the batch against the stream, or against what it says of itself where there is none. */
export async function planBatch(
  ctx: Context,
  stream: Stream | undefined,
  batch: Batch,
  limits: IngestLimits,
): Promise<Plan> {
  const known = stream?.definition ?? emptyDefinition
  const validate = stream?.validate ?? compileDefinition(known, limits)
  const types = new Map(known.columns.map(({ name, type }) => [name, parseType(type)]))
  const rows = batch.rowsFor(types)
  const first = await judge(ctx, validate, rows, undefined, limits)
  if (stream !== undefined && first.unknown.length === 0) {
    return { good: first.good, bad: first.bad, definition: known, changed: false }
  }
  const fields = await fieldsOf(rows, first.unknown, types, limits)
  const isNew = stream === undefined
  let added = addable(inferColumns([...fields.values()]), known, isNew, limits)
  const second = await judge(
    ctx,
    compileDefinition(withColumns(known, added, isNew), limits),
    rows,
    first.unknown,
    limits,
  )
  // A column is added for what went in, not for what was refused.
  const used = new Set<string>()
  for (const { row } of second.good) for (const name of fields.get(row)?.keys() ?? []) used.add(name)
  added = added.filter(({ name }) => used.has(name))
  const stillUnknown = second.unknown.map((row) => refusal(row, rows, fields, added, limits))
  const good = [...first.good, ...second.good].toSorted((a, b) => a.row - b.row)
  const bad = [...first.bad, ...second.bad, ...stillUnknown].toSorted((a, b) => a.row - b.row)
  if (isNew && (good.length === 0 || added.length === 0))
    return { good: [], bad, definition: undefined, changed: false }
  return { good, bad, definition: withColumns(known, added, isNew), changed: added.length > 0 }
}

const emptyDefinition: Definition = {
  columns: [],
  orderBy: [],
  partitionBy: '',
  ttl: '',
  id: '',
  time: '',
  onUnknown: 'add',
  jsonSchema: '',
}

/** The fields of rows that no column has. */
async function fieldsOf(
  rows: Rows,
  only: readonly number[],
  columns: ReadonlyMap<string, unknown>,
  limits: IngestLimits,
): Promise<Map<number, Map<string, string>>> {
  const fields = new Map<number, Map<string, string>>()
  for (const [i, row] of only.entries()) {
    if (i % 2_000 === 1_999) await setImmediate()
    const text = rows.texts[row]
    if (text === undefined || depthOf(text, limits.maxDepth + 1) > limits.maxDepth + 1) continue
    const own = flatten(text, limits.flattenDepth, (name) => columns.has(name))
    for (const name of own.keys()) if (columns.has(name)) own.delete(name)
    fields.set(row, own)
  }
  return fields
}

/** Those that can be added: well named, and within the bound. Rows of before have nothing in a column that is added later. */
function addable(columns: readonly Column[], known: Definition, isNew: boolean, limits: IngestLimits): Column[] {
  return columns
    .filter(
      ({ name, type }) =>
        columnNameProblem(name, limits.maxColumnNameBytes) === undefined && 'type' in columnType(name, type),
    )
    .slice(0, Math.max(0, limits.maxColumns - known.columns.length))
    .map((column) => {
      const type = parseType(column.type)
      const open = isNew || isNullable(type) || type.kind === 'Array'
      return open ? column : { ...column, type: typeText({ kind: 'Nullable', of: type }) }
    })
}

function withColumns(known: Definition, added: readonly Column[], isNew: boolean): Definition {
  const columns = [...known.columns, ...added]
  if (!isNew) return { ...known, columns }
  const time = inferTime(columns)
  return {
    ...known,
    columns,
    time,
    orderBy: time === '' ? [] : [time],
  }
}

function refusal(
  row: number,
  rows: Rows,
  fields: ReadonlyMap<number, ReadonlyMap<string, string>>,
  added: readonly Column[],
  limits: IngestLimits,
): BadRow {
  const text = rows.texts[row] ?? ''
  const taken = new Set(added.map(({ name }) => name))
  for (const name of fields.get(row)?.keys() ?? []) {
    const problem = columnNameProblem(name, limits.maxColumnNameBytes)
    if (problem !== undefined) return { row, column: clip(name), reason: problem, text }
  }
  const name = [...(fields.get(row)?.keys() ?? [])].find((field) => !taken.has(field)) ?? ''
  return { row, column: clip(name), reason: `cannot be added: a stream has at most ${limits.maxColumns} columns`, text }
}
