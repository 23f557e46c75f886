/**
 * The framing of gRPC-Web, and of gRPC itself: one byte of flags, four of length (big-endian), then the message.
 * Flag 0x80: not a message but the trailers, as the lines of an HTTP/1 header block.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */
export interface Frame {
  readonly flags: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

export const trailersFlag = 0x80
const headerBytes = 5

export function encodeFrame(flags: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(headerBytes + bytes.byteLength)
  frame[0] = flags
  new DataView(frame.buffer).setUint32(1, bytes.byteLength)
  frame.set(bytes, headerBytes)
  return frame
}

/** Cuts a byte stream into frames, however it is chunked. A frame longer than `maxBytes` throws before it is buffered. */
export function frameParser(maxBytes: number): {
  push(chunk: Uint8Array<ArrayBuffer>): Frame[]
  /** Whether the bytes end in the middle of a frame. */
  isPartial(): boolean
} {
  const header = new Uint8Array(headerBytes)
  let headerFilled = 0
  let body: Uint8Array<ArrayBuffer> | undefined
  let bodyFilled = 0
  return {
    push(chunk) {
      const frames: Frame[] = []
      let at = 0
      while (at < chunk.byteLength || (headerFilled === headerBytes && body === undefined)) {
        if (headerFilled < headerBytes) {
          const part = chunk.subarray(at, at + headerBytes - headerFilled)
          header.set(part, headerFilled)
          headerFilled += part.byteLength
          at += part.byteLength
          if (headerFilled < headerBytes) break
        }
        const flags = header[0] ?? 0
        const length = new DataView(header.buffer).getUint32(1)
        if (length > maxBytes) throw new RangeError(`A frame of ${length} bytes; ${maxBytes} fit.`)
        if (body === undefined && chunk.byteLength - at >= length) {
          // The usual case, all of it here: no copy.
          frames.push({ flags, bytes: chunk.subarray(at, at + length) })
          at += length
          headerFilled = 0
          continue
        }
        body ??= new Uint8Array(length)
        const part = chunk.subarray(at, at + length - bodyFilled)
        body.set(part, bodyFilled)
        bodyFilled += part.byteLength
        at += part.byteLength
        if (bodyFilled < length) break
        frames.push({ flags, bytes: body })
        body = undefined
        bodyFilled = 0
        headerFilled = 0
      }
      return frames
    },
    isPartial: () => headerFilled > 0,
  }
}

export function encodeTrailers(trailers: Iterable<readonly [string, string]>): Uint8Array<ArrayBuffer> {
  let block = ''
  for (const [name, value] of trailers) block += `${name}: ${value}\r\n`
  return encodeFrame(trailersFlag, new TextEncoder().encode(block))
}

export function decodeTrailers(bytes: Uint8Array): Map<string, string> {
  const trailers = new Map<string, string>()
  for (const line of new TextDecoder().decode(bytes).split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) trailers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return trailers
}
