/** Bytes one behind another, in pieces that can be given to another thread. */
export interface Sink {
  /** What stands from `from` to `to`. */
  copy(source: Buffer, from: number, to: number): void
  /** A byte a character, as `bytesOf` has it. */
  put(bytes: string): void
  /** What was written since the last time; it is the caller's from now on. */
  take(): Uint8Array<ArrayBuffer>[]
}

const pieceBytes = 256 * 1024

export function createSink(): Sink {
  let piece: Buffer<ArrayBuffer> | undefined
  let at = 0
  let full: Uint8Array<ArrayBuffer>[] = []

  function close(): void {
    if (piece !== undefined && at > 0) full.push(piece.subarray(0, at))
    piece = undefined
    at = 0
  }

  function copy(source: Buffer, from: number, to: number): void {
    for (let next = from; next < to;) {
      piece ??= Buffer.allocUnsafeSlow(pieceBytes)
      const count = source.copy(piece, at, next, to)
      next += count
      at += count
      if (at === pieceBytes) close()
    }
  }

  return {
    copy,
    put(bytes) {
      if (piece === undefined || at + bytes.length >= pieceBytes) {
        copy(Buffer.from(bytes, 'latin1'), 0, bytes.length)
        return
      }
      // Of a few bytes quicker than a call of the runtime.
      for (let next = 0; next < bytes.length; next++) piece[at++] = bytes.charCodeAt(next)
    },
    take() {
      close()
      const pieces = full
      full = []
      return pieces
    },
  }
}

/** A text in UTF-8, as a character for each byte. */
export function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}
