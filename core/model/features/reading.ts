import type { Column } from '../table.ts'
import type { Note } from './plan.ts'
import { quoteOfRows } from '../../storage/quote.ts'

/** How the result of a training query is read into a table. */
export interface Reading {
  readonly columns: readonly { readonly name: string; readonly kind: Column['kind'] }[]
  /** The expressions to select FROM (the query), FORMAT RowBinary: a Float64 or a String each, whatever it was. */
  readonly select: string
  /** Columns that no model can use, and so are not read. */
  readonly notes: readonly Note[]
}

const number = /^(?:U?Int(?:8|16|32|64|128|256)|B?Float(?:16|32|64)|Decimal(?:32|64|128|256)?|Bool)$/
const text = /^(?:String|FixedString|UUID|Enum(?:8|16)?|IPv[46])$/
const time = /^(?:Date|Date32|DateTime|DateTime64)$/

/**
 * The engine converts, so that here two types are read, not thirty. Booleans are 0 and 1, a NULL is NaN or an empty
 * text, dates begin at midnight UTC. Arrays, maps, tuples and JSON are not read.
 */
export function readingOf(columns: readonly { readonly name: string; readonly type: string }[]): Reading {
  const read: { readonly name: string; readonly kind: Column['kind'] }[] = []
  const expressions: string[] = []
  const notes: Note[] = []
  for (const { name, type } of columns) {
    const column = quoteOfRows(name)
    const bare = bareName(type)
    if (number.test(bare)) {
      read.push({ name, kind: 'number' })
      expressions.push(`ifNull(toFloat64(${column}), nan)`)
    } else if (text.test(bare)) {
      read.push({ name, kind: 'category' })
      // A FixedString is padded with NULs.
      const plain = bare === 'FixedString' ? `toStringCutToZero(${column})` : `toString(${column})`
      expressions.push(`ifNull(${plain}, '')`)
    } else if (time.test(bare)) {
      read.push({ name, kind: 'time' })
      const moment = bare.startsWith('DateTime') ? `toDateTime64(${column}, 3)` : `toDateTime64(${column}, 3, 'UTC')`
      expressions.push(`ifNull(toFloat64(toUnixTimestamp64Milli(${moment})), nan)`)
    } else notes.push({ column: name, finding: `of type ${type}`, action: 'left out: select a part of it' })
  }
  return { columns: read, select: expressions.join(', '), notes }
}

/** `Decimal` of `Nullable(Decimal(9, 2))`. */
function bareName(type: string): string {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(type)?.[1]
  return inner === undefined ? (/^\w+/.exec(type)?.[0] ?? type) : bareName(inner)
}
