import { Failure } from '#mesh/errors.ts'
import type { Column, Table } from '../table.ts'
import { createDictionary, type Dictionary } from './dictionary.ts'
import type { Reading } from './reading.ts'

export interface TableBounds {
  readonly maxRows: number
  /** Of the table in memory. */
  readonly maxBytes: number
}

type Builder =
  | { readonly name: string; readonly kind: 'number' | 'time'; values: Float64Array }
  | { readonly name: string; readonly kind: 'category'; codes: Int32Array; readonly dictionary: Dictionary }

/**
 * A result in RowBinary (https://clickhouse.com/docs/interfaces/formats/RowBinary), as a reading's expressions give it,
 * into a table: a Float64 is 8 bytes, little-endian; a String its length, LEB128, and its bytes. It is read as it comes.
 * Errors: query.result_too_large, past a bound; to sample is the query's part.
 */
export async function tableFrom(
  { columns }: Reading,
  body: AsyncIterable<Uint8Array>,
  { maxRows, maxBytes }: TableBounds,
): Promise<Table> {
  const builders = columns.map(builderOf)
  const rowBytes = columns.reduce((sum, { kind }) => sum + (kind === 'category' ? 4 : 8), 0)
  let capacity = 0
  let rows = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of body) {
    const came = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const bytes = rest.length === 0 ? came : Buffer.concat([rest, came])
    let at = 0
    while (at < bytes.length) {
      if (rows === capacity) {
        capacity = Math.max(1024, 2 * capacity)
        for (const builder of builders) grow(builder, capacity)
      }
      const end = readRow(builders, bytes, at, rows)
      if (end < 0) break
      at = end
      rows++
      if (rows > maxRows) throw tooLarge(`more than ${maxRows} rows`)
    }
    rest = Buffer.from(bytes.subarray(at))
    const texts = builders.reduce(
      (sum, builder) => sum + (builder.kind === 'category' ? builder.dictionary.bytes() : 0),
      0,
    )
    if (rows * rowBytes + texts + rest.length > maxBytes) throw tooLarge(`more than ${maxBytes} bytes`)
  }
  if (rest.length > 0) throw new Error('The result ended in the middle of a row.')
  return { rows, columns: builders.map((builder) => columnOf(builder, rows)) }
}

/** Where the next row begins; −1 where this one has not come whole. What it wrote by then is written again. */
function readRow(builders: readonly Builder[], bytes: Buffer, from: number, row: number): number {
  let at = from
  for (const builder of builders) {
    if (builder.kind !== 'category') {
      if (at + 8 > bytes.length) return -1
      builder.values[row] = bytes.readDoubleLE(at)
      at += 8
      continue
    }
    let length = 0
    for (let scale = 1; ; scale *= 128) {
      if (at === bytes.length) return -1
      const byte = bytes[at++]!
      length += (byte % 128) * scale
      if (byte < 128) break
    }
    if (at + length > bytes.length) return -1
    builder.codes[row] = builder.dictionary.codeOf(bytes, at, at + length)
    at += length
  }
  return at
}

function builderOf({ name, kind }: Reading['columns'][number]): Builder {
  if (kind === 'category') return { name, kind, codes: new Int32Array(0), dictionary: createDictionary() }
  return { name, kind, values: new Float64Array(0) }
}

function grow(builder: Builder, capacity: number): void {
  if (builder.kind === 'category') {
    const codes = new Int32Array(capacity)
    codes.set(builder.codes)
    builder.codes = codes
  } else {
    const values = new Float64Array(capacity)
    values.set(builder.values)
    builder.values = values
  }
}

function columnOf(builder: Builder, rows: number): Column {
  const { name } = builder
  if (builder.kind === 'category') {
    return { name, kind: 'category', codes: builder.codes.slice(0, rows), labels: builder.dictionary.labels() }
  }
  return { name, kind: builder.kind, values: builder.values.slice(0, rows) }
}

function tooLarge(what: string): Failure {
  return new Failure('query.result_too_large', `The rows to learn from are ${what}.`, {
    hint: 'Select fewer columns, sample the rows, or aggregate them first.',
  })
}
