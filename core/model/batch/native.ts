import { Failure } from '#mesh/errors.ts'

/** A column of a block: numbers side by side, or texts in UTF-8. */
export type NativeColumn =
  | { readonly kind: 'float'; readonly values: Float32Array }
  | { readonly kind: 'int64'; readonly values: BigInt64Array }
  | TextColumn
  /** The label of each row, by its number. */
  | {
      readonly kind: 'label'
      readonly codes: Uint8Array | Uint16Array | Uint32Array
      readonly labels: readonly string[]
    }

export interface TextColumn {
  readonly kind: 'text'
  /** Where the text of each row begins and ends. */
  readonly bytes: Buffer
  readonly starts: Int32Array
  readonly ends: Int32Array
}

export interface Block {
  readonly rows: number
  readonly columns: readonly NativeColumn[]
}

export interface BlockReader {
  /** The blocks that end in these bytes. Their texts are where they came: good until the next call. */
  push(bytes: Uint8Array): Generator<Block>
  /** Throws where what came ended within a block. */
  end(): void
}

const utf8 = new TextDecoder()

/**
 * Reads blocks of ClickHouse's Native format, of columns that are Float32, Int64, String or LowCardinality(String):
 * https://clickhouse.com/docs/interfaces/formats/Native. A block is numbers of columns and rows, then for each column its
 * name, its type and its values; numbers of things are LEB128. Errors: query.result_too_large, past `maxBytes` of a block.
 */
export function createBlockReader({ maxBytes }: { readonly maxBytes: number }): BlockReader {
  let buffer = Buffer.alloc(0)
  // What came and was not read yet, and how much of it there must be for another try to be worth it.
  let [start, end, wanted] = [0, 0, 1]

  function append(bytes: Uint8Array): void {
    const held = end - start + bytes.length
    if (held > maxBytes) throw tooWide(maxBytes)
    if (end + bytes.length > buffer.length) {
      const next = held > buffer.length / 2 ? Buffer.allocUnsafeSlow(2 * held) : buffer
      buffer.copy(next, 0, start, end)
      buffer = next
      end -= start
      start = 0
    }
    buffer.set(bytes, end)
    end += bytes.length
  }

  return {
    *push(bytes) {
      append(bytes)
      while (end - start >= wanted) {
        const found = readBlock(buffer.subarray(start, end))
        if (typeof found === 'number') {
          wanted = Math.max(found, end - start + 1)
          break
        }
        start += found.end
        wanted = 1
        if (found.block.rows > 0) yield found.block
      }
    },
    end() {
      if (end > start) throw new Error('The result ended in the middle of a block.')
    },
  }
}

/** The block at the beginning and where it ends; or how many bytes there must be at least. */
function readBlock(bytes: Buffer): { readonly block: Block; readonly end: number } | number {
  const cursor = { at: 0 }
  const short = (more: number): number => cursor.at + more
  const count = readLength(bytes, cursor)
  const rows = count === undefined ? undefined : readLength(bytes, cursor)
  if (count === undefined || rows === undefined) return short(1)
  const columns: NativeColumn[] = []
  for (let at = 0; at < count; at++) {
    const name = readText(bytes, cursor)
    const type = name === undefined ? undefined : readText(bytes, cursor)
    if (type === undefined) return short(1)
    if (rows === 0) continue
    if (type === 'Float32' || type === 'Int64') {
      const size = rows * (type === 'Float32' ? 4 : 8)
      if (cursor.at + size > bytes.length) return short(size)
      // Its place in the buffer need not be one that an array of numbers can have.
      const own = new Uint8Array(bytes.subarray(cursor.at, cursor.at + size)).buffer
      columns.push(
        type === 'Float32'
          ? { kind: 'float', values: new Float32Array(own) }
          : { kind: 'int64', values: new BigInt64Array(own) },
      )
      cursor.at += size
    } else if (type === 'String') {
      const column = readTexts(bytes, cursor, rows)
      if (column === undefined) return short(1)
      columns.push(column)
    } else if (type === 'LowCardinality(String)') {
      const column = readLabels(bytes, cursor)
      if (column === undefined) return short(1)
      columns.push(column)
    } else throw new Error(`A column of the type ${type} was not asked for.`)
  }
  return { block: { rows, columns }, end: cursor.at }
}

interface Cursor {
  at: number
}

function readTexts(bytes: Buffer, cursor: Cursor, rows: number): TextColumn | undefined {
  const starts = new Int32Array(rows)
  const ends = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    const length = readLength(bytes, cursor)
    if (length === undefined || cursor.at + length > bytes.length) return undefined
    starts[row] = cursor.at
    cursor.at += length
    ends[row] = cursor.at
  }
  return { kind: 'text', bytes, starts, ends }
}

/** Bits beside the width of codes: labels of this block alone follow. */
const hasOwnLabels = 0x200

/**
 * How LowCardinality is written (SerializationLowCardinality.cpp): a version, flags with the width of codes, the number of
 * labels and they, the number of codes and they.
 */
function readLabels(bytes: Buffer, cursor: Cursor): NativeColumn | undefined {
  const count = 24
  if (cursor.at + count > bytes.length) return undefined
  const flags = Number(bytes.readBigUInt64LE(cursor.at + 8))
  const width = 2 ** (flags & 0xff)
  if ((flags & hasOwnLabels) === 0 || width > 4) throw new Error('Labels are not written as they were.')
  const own = { at: cursor.at + count }
  const labels: string[] = []
  for (let left = Number(bytes.readBigUInt64LE(cursor.at + 16)); left > 0; left--) {
    const label = readText(bytes, own)
    if (label === undefined) return undefined
    labels.push(label)
  }
  if (own.at + 8 > bytes.length) return undefined
  const size = Number(bytes.readBigUInt64LE(own.at)) * width
  const from = own.at + 8
  if (from + size > bytes.length) return undefined
  const { buffer } = new Uint8Array(bytes.subarray(from, from + size))
  cursor.at = from + size
  const codes = width === 1 ? new Uint8Array(buffer) : width === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer)
  return { kind: 'label', codes, labels }
}

function readText(bytes: Buffer, cursor: Cursor): string | undefined {
  const length = readLength(bytes, cursor)
  if (length === undefined || cursor.at + length > bytes.length) return undefined
  cursor.at += length
  return utf8.decode(bytes.subarray(cursor.at - length, cursor.at))
}

/** LEB128. Undefined where it has not come whole; the cursor then stays. */
function readLength(bytes: Buffer, cursor: Cursor): number | undefined {
  let value = 0
  let at = cursor.at
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]
    if (byte === undefined) return undefined
    value += (byte % 128) * scale
    if (byte < 128) break
  }
  cursor.at = at
  return value
}

function tooWide(maxBytes: number): Failure {
  return new Failure('query.result_too_large', `A block of the rows is larger than ${maxBytes} bytes.`, {
    hint: 'Select fewer columns, or shorter texts.',
  })
}
