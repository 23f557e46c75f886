import { recordsOf as csvRecords } from './csv.ts'
import { elementsOf } from './json.ts'
import { linesOf } from './lines.ts'

export type LoadFormat = 'ndjson' | 'json' | 'csv'

export interface Batch {
  /** Where its first row begins, in bytes of the uncompressed file. */
  readonly offset: number
  readonly rows: number
  readonly body: Uint8Array
}

/**
 * The size of a batch is fixed: the same file is always cut at the same places, so that a second load sends the same
 * batches under the same keys, and the gateway knows them.
 */
const maxRows = 5_000
const maxBytes = 4 << 20

/** A piece of the file that is one row (or one CSV record). */
export interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
}

export async function* batchesOf(chunks: AsyncIterable<Uint8Array>, format: LoadFormat): AsyncGenerator<Batch> {
  if (format === 'csv') yield* csv(chunks)
  else yield* gather(format === 'json' ? elementsOf(chunks) : linesOf(chunks), new Uint8Array())
}

/** Every batch of a CSV begins with the header of the file. */
async function* csv(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Batch> {
  const records = csvRecords(chunks)
  const header = await records.next()
  if (header.done === true) return
  const { bytes } = header.value
  yield* gather(records, withoutMark(bytes))
}

async function* gather(pieces: AsyncIterable<Piece>, header: Uint8Array): AsyncGenerator<Batch> {
  let held: Uint8Array[] = []
  let bytes = 0
  let offset = 0
  for await (const piece of pieces) {
    if (held.length > 0 && (held.length >= maxRows || bytes + piece.bytes.length > maxBytes)) {
      yield { offset, rows: held.length, body: Buffer.concat([header, ...held]) }
      held = []
      bytes = 0
    }
    if (held.length === 0) offset = piece.offset
    held.push(piece.bytes)
    bytes += piece.bytes.length
  }
  if (held.length > 0) yield { offset, rows: held.length, body: Buffer.concat([header, ...held]) }
}

/** A byte order mark would become part of the first column's name. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}
