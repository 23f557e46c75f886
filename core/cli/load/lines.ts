import { CliError } from '../exit.ts'
import type { Piece } from './batches.ts'

const newline = 0x0a

/** A row that is larger than the gateway takes in one request is not a row. */
export const maxRowBytes = 16 << 20

/** Lines with their newline, empty ones left out. */
export function linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  return cut(chunks, (chunk, from) => chunk.indexOf(newline, from))
}

/**
 * Cuts a stream into pieces that end with a newline. `next` says where the next piece ends in a chunk, from a position on,
 * or -1; it sees every byte once and in order, so it may keep state.
 */
export async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  next: (chunk: Uint8Array, from: number) => number,
): AsyncGenerator<Piece> {
  let rest: Uint8Array[] = []
  let restBytes = 0
  let offset = 0
  const whole = (tail: Uint8Array): Piece | undefined => {
    const bytes = rest.length === 0 ? tail : Buffer.concat([...rest, tail])
    const piece = isBlank(bytes) ? undefined : { offset, bytes }
    offset += bytes.length
    rest = []
    restBytes = 0
    return piece
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let end = next(chunk, from); end >= 0; end = next(chunk, from)) {
      const piece = whole(chunk.subarray(from, end + 1))
      if (piece !== undefined) yield piece
      from = end + 1
    }
    rest.push(chunk.subarray(from))
    restBytes += chunk.length - from
    if (restBytes > maxRowBytes)
      throw new CliError(`The row at byte ${offset} is larger than ${maxRowBytes >> 20} MB.`, {
        hint: 'Check --format, and that quotes are closed.',
      })
  }
  // The last line may lack its newline; a batch needs it where another row follows, and does not mind it elsewhere.
  if (restBytes > 0) {
    const last = whole(Buffer.from('\n'))
    if (last !== undefined) yield last
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === newline || byte === 0x0d || byte === 0x20 || byte === 0x09)
}
