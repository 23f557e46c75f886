import { type Cell, textOf } from './cells.ts'
import type { Column } from './columns.ts'
import type { BatchPlan, RowsFormat } from './message.ts'
import type { TextColumn } from './native.ts'
import { bytesOf, createSink } from './sink.ts'

export interface RowWriter {
  /** Rows from one on, each as the engine wrote it and with a cell of each output behind. */
  write(rows: TextColumn, from: number, count: number, cells: readonly Cell[]): void
  /** What stands behind all rows. */
  end(): void
  take(): Uint8Array<ArrayBuffer>[]
}

/** What the engine closes a row with, which comes behind what is added. */
const closing = { JSON: '}\n', JSONEachRow: '}\n', CSVWithNames: '\n' } as const
/** What an answer closes it with. */
const closed = { JSON: '}', JSONEachRow: '}\n', CSVWithNames: '\n' } as const

/** Writes an answer. Rows stay the bytes that they came as. */
export function createRowWriter({
  format,
  columns,
  hasOwn,
  added,
}: Pick<BatchPlan, 'format' | 'columns' | 'hasOwn'> & { readonly added: readonly Pick<Column, 'name'>[] }): RowWriter {
  const sink = createSink()
  const before = added.map(({ name }, at) => {
    const isFirst = at === 0 && !hasOwn
    if (format === 'CSVWithNames') return isFirst ? '' : ','
    return bytesOf(`${isFirst ? '{' : ','}${JSON.stringify(name)}:`)
  })
  const cut = closing[format].length
  const after = closed[format]
  let written = 0
  sink.put(bytesOf(headOf(format, columns)))

  return {
    write({ bytes, starts, ends }, from, count, cells) {
      for (let at = 0; at < count; at++) {
        if (format === 'JSON') sink.put(written === 0 && at === 0 ? '\n\t\t' : ',\n\t\t')
        if (hasOwn) sink.copy(bytes, starts[from + at]!, ends[from + at]! - cut)
        for (let cell = 0; cell < cells.length; cell++) {
          sink.put(before[cell]!)
          sink.put(cells[cell]!(at))
        }
        sink.put(after)
      }
      written += count
    },
    end() {
      if (format === 'JSON') sink.put(`\n\t],\n\n\t"rows": ${written}\n}\n`)
    },
    take: sink.take,
  }
}

function headOf(format: RowsFormat, columns: BatchPlan['columns']): string {
  switch (format) {
    case 'JSON':
      return `{\n\t"meta":\n\t${JSON.stringify(columns)},\n\n\t"data":\n\t[`
    case 'CSVWithNames':
      return `${columns.map(({ name }) => textOf(format, name)).join(',')}\n`
    default:
      return ''
  }
}
