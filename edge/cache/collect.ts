import { Failure } from '#mesh/errors.ts'
import type { ResultChunk, ResultHead, ResultTail } from '#proto/edgewise/query/v1/query_pb.ts'

/** Held back so that a failure before it still has its status; what is larger is streamed, not shared and not cached. */
export const heldBytes = 1 << 20

/** What a query read from tables. */
export interface Read {
  readonly rows: bigint
  readonly bytes: bigint
}

export type Collected =
  | {
      readonly whole: true
      readonly head: ResultHead
      readonly body: Uint8Array<ArrayBuffer>
      readonly read: Read | undefined
      readonly tail: ResultTail
    }
  | { readonly whole: false; readonly head: ResultHead; readonly body: ReadableStream<Uint8Array> }

/** Reads a result up to its end, or to where holding it back would be too much. */
export async function collect(chunks: AsyncIterable<ResultChunk>): Promise<Collected> {
  const iterator = chunks[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  let head: ResultHead | undefined
  let bytes = 0
  let keep = false
  try {
    while (bytes <= heldBytes) {
      const next = await iterator.next()
      if (next.done === true) throw brokenOff()
      const { piece } = next.value
      if (piece.case === 'head') head = piece.value
      else if (piece.case === 'body') bytes += held[held.push(piece.value) - 1]!.byteLength
      else if (piece.case === 'tail') {
        if (head === undefined) throw brokenOff()
        await end(iterator)
        const { rowsRead, bytesRead } = piece.value
        const read = rowsRead === undefined ? undefined : { rows: rowsRead, bytes: bytesRead ?? 0n }
        return { whole: true, head, body: joined(held, bytes), read, tail: piece.value }
      }
    }
    if (head === undefined) throw brokenOff()
    keep = true
    return { whole: false, head, body: rest(held, iterator) }
  } finally {
    if (!keep) await iterator.return?.()
  }
}

/** Reads what follows the tail: a connection whose answer was not read to its end is closed. */
async function end(iterator: AsyncIterator<ResultChunk>): Promise<void> {
  const next = await iterator.next()
  if (next.done !== true) throw brokenOff()
}

/** What was held, then what comes. A failure, or an end without its tail, breaks the connection: no clean end. */
function rest(held: readonly Uint8Array[], iterator: AsyncIterator<ResultChunk>): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const waiting = held[sent]
        if (waiting !== undefined) {
          sent++
          return controller.enqueue(waiting)
        }
        for (;;) {
          const next = await iterator.next()
          if (next.done === true) throw brokenOff()
          const { piece } = next.value
          if (piece.case === 'body') return controller.enqueue(piece.value)
          if (piece.case === 'tail') {
            await end(iterator)
            return controller.close()
          }
        }
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Pieces as one. */
export function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}

function brokenOff(): Failure {
  return new Failure('core.unavailable', 'The answer broke off before it was whole.')
}
