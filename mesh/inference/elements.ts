import { missingTime } from './cells.ts'

/**
 * Tensors as bytes: their elements in little-endian without anything between them, of BYTES each behind its length in 32
 * bits. So Triton's binary tensor data extension and the raw contents of gRPC have them.
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
type Element = number | bigint | boolean | Uint8Array

interface Format {
  readonly bytes: number
  read(view: DataView, at: number): Element
}

const formats = new Map<string, Format>([
  ['BOOL', { bytes: 1, read: (view, at) => view.getUint8(at) !== 0 }],
  ['INT8', { bytes: 1, read: (view, at) => view.getInt8(at) }],
  ['INT16', { bytes: 2, read: (view, at) => view.getInt16(at, true) }],
  ['INT32', { bytes: 4, read: (view, at) => view.getInt32(at, true) }],
  ['INT64', { bytes: 8, read: (view, at) => view.getBigInt64(at, true) }],
  ['UINT8', { bytes: 1, read: (view, at) => view.getUint8(at) }],
  ['UINT16', { bytes: 2, read: (view, at) => view.getUint16(at, true) }],
  ['UINT32', { bytes: 4, read: (view, at) => view.getUint32(at, true) }],
  ['UINT64', { bytes: 8, read: (view, at) => view.getBigUint64(at, true) }],
  ['FP16', { bytes: 2, read: (view, at) => view.getFloat16(at, true) }],
  ['FP32', { bytes: 4, read: (view, at) => view.getFloat32(at, true) }],
  ['FP64', { bytes: 8, read: (view, at) => view.getFloat64(at, true) }],
])

export function isNumeric(datatype: string): boolean {
  return formats.has(datatype)
}

/** So many elements, or why these bytes are not that: no more and no less than they need is right. */
export function readElements(
  bytes: Uint8Array,
  datatype: string,
  count: number,
): { readonly elements: readonly Element[] } | { readonly reason: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const format = formats.get(datatype)
  if (format === undefined) return readTexts(bytes, view, count)
  const wanted = count * format.bytes
  if (bytes.byteLength !== wanted) {
    return { reason: `has ${bytes.byteLength} bytes, and ${count} elements of ${datatype} have ${wanted}` }
  }
  return { elements: Array.from({ length: count }, (_, at) => format.read(view, at * format.bytes)) }
}

function readTexts(bytes: Uint8Array, view: DataView, count: number): ReturnType<typeof readElements> {
  const elements: Uint8Array[] = []
  let at = 0
  while (elements.length < count) {
    const from = at + lengthBytes
    const to = from <= bytes.byteLength ? from + view.getUint32(at, true) : Infinity
    if (to > bytes.byteLength) return { reason: `ends amid element ${elements.length} of ${count}` }
    elements.push(bytes.subarray(from, to))
    at = to
  }
  if (at === bytes.byteLength) return { elements }
  return { reason: `has ${bytes.byteLength - at} bytes behind its ${count} elements` }
}

/** An element as the cell of a row; undefined where it is no text. NaN and the least INT64 are what is missing. */
export function cellOf(element: unknown): unknown {
  if (typeof element === 'bigint') return element === missingTime ? null : Number(element)
  if (typeof element === 'number') return Number.isNaN(element) ? null : element
  if (!(element instanceof Uint8Array)) return element
  try {
    return decoder.decode(element)
  } catch {
    return undefined
  }
}

/** What a model says as bytes: FP32, else BYTES. A number that it does not say is NaN. */
export function writeElements(datatype: string, data: readonly unknown[]): Uint8Array<ArrayBuffer> {
  if (datatype !== 'FP32') return writeTexts(data.map((text) => encoder.encode(String(text))))
  const bytes = new Uint8Array(data.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [at, value] of data.entries()) view.setFloat32(at * 4, typeof value === 'number' ? value : NaN, true)
  return bytes
}

function writeTexts(texts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + lengthBytes + text.byteLength, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const text of texts) {
    view.setUint32(at, text.byteLength, true)
    bytes.set(text, at + lengthBytes)
    at += lengthBytes + text.byteLength
  }
  return bytes
}

const lengthBytes = 4
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
