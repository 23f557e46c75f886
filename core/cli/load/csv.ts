import type { Piece } from './batches.ts'
import { cut } from './lines.ts'

const quote = 0x22
const newline = 0x0a

/** Records of a CSV (RFC 4180): a newline inside quotes does not end one. A doubled quote opens and closes again at once. */
export function recordsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  let quoted = false
  return cut(chunks, (chunk, from) => {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === quote) quoted = !quoted
      else if (byte === newline && !quoted) return at
    }
    return -1
  })
}
