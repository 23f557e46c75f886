import { parseDay, parseTime } from './times.ts'
import type { Column } from './definition.ts'
import { elementsOf } from './scan.ts'
import { typeText, type ColumnType } from './types.ts'

/**
 * What a first batch says about a column. JSON has one kind of number, so whole numbers and others together are
 * Float64 (unless a whole one is too large for it to be exact); times and other strings together are String. Nothing
 * else is reconciled: where kinds disagree, the kind of the most rows is the column's (of equals the first), and the
 * rows of the other kinds go to quarantine. Types are widened on request, never silently.
 */
export type Shape = 'Bool' | 'Whole' | 'Fraction' | 'Time' | 'Day' | 'Text' | 'List'

interface Tally {
  readonly counts: Map<Shape, number>
  rows: number
  negative: boolean
  /** The longest whole number, as magnitude. */
  largest: bigint
  /** Elements of its lists. */
  elements: Tally | undefined
  nulls: boolean
}

function newTally(): Tally {
  return { counts: new Map(), rows: 0, negative: false, largest: 0n, elements: undefined, nulls: false }
}

function observe(tally: Tally, raw: string): void {
  tally.rows++
  const shape = shapeOf(raw)
  if (shape === undefined) {
    tally.nulls = true
    return
  }
  tally.counts.set(shape, (tally.counts.get(shape) ?? 0) + 1)
  if (shape === 'Whole') {
    const negative = raw.startsWith('-')
    if (negative) tally.negative = true
    const magnitude = BigInt(negative ? raw.slice(1) : raw)
    // One more may be held below zero than above.
    const held = negative && magnitude > 0n ? magnitude - 1n : magnitude
    if (held > tally.largest) tally.largest = held
  } else if (shape === 'List') {
    tally.elements ??= newTally()
    for (const element of elementsOf(raw)) observe(tally.elements, element)
  }
}

function shapeOf(raw: string): Shape | undefined {
  switch (raw[0]) {
    case 'n':
      return undefined
    case 't':
    case 'f':
      return 'Bool'
    case '[':
      return 'List'
    case '"': {
      const value = JSON.parse(raw) as string
      if (parseDay(value) !== undefined) {
        const day = Date.parse(value)
        // What Date reaches.
        return day >= 0 && day <= 65_535 * 86_400_000 ? 'Day' : 'Text'
      }
      const moment = parseTime(value)
      const year = moment && new Date(moment.seconds * 1000).getUTCFullYear()
      return year !== undefined && year >= 1900 && year < 2300 ? 'Time' : 'Text'
    }
    // An object comes here only from within a list.
    case '{':
      return 'Text'
    default:
      return /^-?\d{1,77}$/.test(raw) ? 'Whole' : 'Fraction'
  }
}

function decide(tally: Tally): ColumnType | undefined {
  const { counts } = tally
  const merge = (into: Shape, from: readonly Shape[]) => {
    for (const shape of from) {
      counts.set(into, (counts.get(into) ?? 0) + (counts.get(shape) ?? 0))
      counts.delete(shape)
    }
  }
  if (counts.has('Fraction') && counts.has('Whole') && tally.largest < 2n ** 53n) merge('Fraction', ['Whole'])
  if (counts.has('Text') || (counts.has('Time') && counts.has('Day'))) {
    if (counts.has('Time') || counts.has('Day')) merge('Text', ['Time', 'Day'])
  }
  let shape: Shape | undefined
  for (const [candidate, count] of counts) {
    if (shape === undefined || count > (counts.get(shape) ?? 0)) shape = candidate
  }
  switch (shape) {
    case 'Bool':
      return { kind: 'Bool' }
    case 'Whole':
      return whole(tally)
    case 'Fraction':
      return { kind: 'Float', bits: 64 }
    case 'Time':
      return { kind: 'DateTime64', scale: 3, timezone: undefined }
    case 'Day':
      return { kind: 'Date' }
    case 'Text':
      return { kind: 'String' }
    case 'List':
      return list(tally.elements ?? newTally())
    default:
      return undefined
  }
}

function whole({ negative, largest }: Tally): ColumnType {
  if (largest < 2n ** 63n) return { kind: 'Integer', bits: 64, signed: true }
  if (!negative && largest < 2n ** 64n) return { kind: 'Integer', bits: 64, signed: false }
  if (largest < 2n ** 127n) return { kind: 'Integer', bits: 128, signed: true }
  return largest < 2n ** 255n ? { kind: 'Integer', bits: 256, signed: true } : { kind: 'Float', bits: 64 }
}

/** A list whose elements are not of one kind, or are objects, is kept as JSON text. */
function list(elements: Tally): ColumnType | undefined {
  if (elements.rows === 0) return undefined
  const of = decide(elements)
  if (of === undefined) return undefined
  if (elements.counts.size > 1) return { kind: 'String' }
  if (elements.nulls && of.kind === 'Array') return { kind: 'String' }
  return { kind: 'Array', of: elements.nulls ? { kind: 'Nullable', of } : of }
}

/**
 * The columns of a batch of flattened rows, in the order in which they were first seen. A field that was missing or
 * null somewhere is Nullable. A field that was null, or an empty list, everywhere is no column yet: nothing is known
 * of it, and it is added when something is.
 */
export function inferColumns(rows: readonly ReadonlyMap<string, string>[]): Column[] {
  const tallies = new Map<string, Tally>()
  for (const row of rows) {
    for (const [name, raw] of row) {
      let tally = tallies.get(name)
      if (tally === undefined) tallies.set(name, (tally = newTally()))
      observe(tally, raw)
    }
  }
  const columns: Column[] = []
  for (const [name, tally] of tallies) {
    const type = decide(tally)
    if (type === undefined) continue
    const sparse = tally.nulls || tally.rows < rows.length
    const full: ColumnType = sparse && type.kind !== 'Array' ? { kind: 'Nullable', of: type } : type
    columns.push({ name, type: typeText(full), pii: false })
  }
  return columns
}

const timeNames = ['timestamp', 'time', 'ts', 'event_time', 'created_at', 'occurred_at', 'datetime', 'date']

/** The time column of inferred columns: by its name, else the first; never one that can be NULL, as rows are ordered by it. */
export function inferTime(columns: readonly Column[]): string {
  const times = columns.filter(({ type }) => type.startsWith('DateTime64'))
  const candidates = times.length > 0 ? times : columns.filter(({ type }) => type === 'Date')
  const named = timeNames.flatMap((name) => candidates.filter((column) => column.name.toLowerCase() === name))
  return (named[0] ?? candidates[0])?.name ?? ''
}
