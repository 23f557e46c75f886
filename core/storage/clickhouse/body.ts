/** The body of an answer, whose end is believed only when it is one. */
import type { WarehouseError } from '../warehouse.ts'
import { parseException } from './exceptions.ts'

/** More than ClickHouse ever says in an exception. */
const maxExceptionBytes = 64 * 1024

/**
 * Passes a body on until it ends, or until ClickHouse tells of a failure in the middle of it: a block
 * `\r\n__exception__\r\n{tag}\r\n{message}\r\n{length} {tag}\r\n__exception__\r\n`, whose tag was in the head.
 * https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats
 */
export async function* untilException(
  body: AsyncIterable<Uint8Array>,
  tag: string | undefined,
): AsyncGenerator<Uint8Array, void> {
  if (tag === undefined) {
    yield* body
    return
  }
  const mark = Buffer.from(`\r\n__exception__\r\n${tag}\r\n`)
  // The end of what came, kept back because the mark may continue in the next chunk.
  let kept: Buffer = Buffer.alloc(0)
  for await (const chunk of body) {
    const text =
      kept.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([kept, chunk])
    const at = text.indexOf(mark)
    if (at >= 0) {
      if (at > 0) yield text.subarray(0, at)
      throw await readException(text.subarray(at + mark.length), body, tag)
    }
    const keep = possibleStart(text, mark)
    if (keep < text.length) yield text.subarray(0, text.length - keep)
    kept = text.subarray(text.length - keep)
  }
  if (kept.length > 0) yield kept
}

/** How many bytes at the end of `text` could be the beginning of the mark. */
function possibleStart(text: Buffer, mark: Buffer): number {
  let at = text.indexOf(13, Math.max(0, text.length - mark.length + 1))
  while (at >= 0) {
    const tail = text.subarray(at)
    if (mark.subarray(0, tail.length).equals(tail)) return tail.length
    at = text.indexOf(13, at + 1)
  }
  return 0
}

async function readException(first: Buffer, rest: AsyncIterable<Uint8Array>, tag: string): Promise<WarehouseError> {
  let text = first
  try {
    for await (const chunk of rest) {
      if (text.length > maxExceptionBytes) break
      text = Buffer.concat([text, chunk])
    }
  } catch {
    // The connection is broken on purpose after the block.
  }
  const end = text.lastIndexOf(Buffer.from(` ${tag}\r\n`))
  const message = (end < 0 ? text : text.subarray(0, end)).toString('utf8')
  return parseException(message.replace(/\r?\n\d+$/, ''))
}
