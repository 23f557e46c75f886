import type { LogRecord, RecordHeader, StoredRecord } from '../log.ts'

/*
 * Records that were appended together are stored as one chunk:
 *
 *   u32 count
 *   u8  flags      count ×: 1 = the record has a key of 16 bytes, 2 = its text has a line of JSON before it, with its
 *                  headers, and its key where that is of another length
 *   pad            to a multiple of 8
 *   f64 timestamp  count ×
 *   u32 length     count ×: of the text, in UTF-16 code units
 *   u8  key        16 bytes × records that have one
 *   u8  text       UTF-8 of all the texts, one after another
 *
 * Numbers are little-endian. One row of the database a chunk instead of one a record makes appending ten times faster.
 */
const keyBytes = 16
const withDigest = 1
const withMore = 2
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeChunk(records: readonly LogRecord[]): Uint8Array<ArrayBuffer> {
  const count = records.length
  const keyed = records.reduce((n, record) => n + (hasDigest(record) ? 1 : 0), 0)
  const texts = records.map(textOf)
  const text = encoder.encode(texts.join(''))
  const numbersAt = padded(4 + count)
  const keysAt = numbersAt + count * 12
  const textAt = keysAt + keyed * keyBytes
  const bytes = new Uint8Array(textAt + text.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, count, true)
  let key = keysAt
  for (const [i, record] of records.entries()) {
    view.setFloat64(numbersAt + i * 8, record.timestamp, true)
    view.setUint32(numbersAt + count * 8 + i * 4, texts[i]?.length ?? 0, true)
    if (hasMore(record)) bytes[4 + i] = withMore
    if (!hasDigest(record)) continue
    bytes[4 + i] = (bytes[4 + i] ?? 0) | withDigest
    bytes.set(record.key, key)
    key += keyBytes
  }
  bytes.set(text, textAt)
  return bytes
}

/** The records of a chunk whose first has the offset `start`. */
export function decodeChunk(bytes: Uint8Array, start: number): StoredRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = view.getUint32(0, true)
  const numbersAt = padded(4 + count)
  let key = numbersAt + count * 12
  let keyed = 0
  for (let i = 0; i < count; i++) keyed += (bytes[4 + i] ?? 0) & withDigest
  const text = decoder.decode(bytes.subarray(key + keyed * keyBytes))
  const records: StoredRecord[] = []
  let from = 0
  for (let i = 0; i < count; i++) {
    const to = from + view.getUint32(numbersAt + count * 8 + i * 4, true)
    const flags = bytes[4 + i] ?? 0
    const record = {
      offset: start + i,
      key: flags & withDigest ? bytes.subarray(key, key + keyBytes) : undefined,
      value: text.slice(from, to),
      timestamp: view.getFloat64(numbersAt + i * 8, true),
    }
    records.push(flags & withMore ? split(record) : record)
    if (flags & withDigest) key += keyBytes
    from = to
  }
  return records
}

interface More {
  readonly key?: string
  readonly headers?: readonly RecordHeader[]
}

function hasDigest(record: LogRecord): record is LogRecord & { readonly key: Uint8Array } {
  return record.key?.length === keyBytes
}

function hasMore({ key, headers }: LogRecord): boolean {
  return headers !== undefined || (key !== undefined && key.length !== keyBytes)
}

function textOf(record: LogRecord): string {
  const { key, value, headers } = record
  if (!hasMore(record)) return value
  const base64 = key === undefined || hasDigest(record) ? undefined : Buffer.from(key).toString('base64')
  const more: More = { ...(base64 !== undefined && { key: base64 }), ...(headers && { headers }) }
  return `${JSON.stringify(more)}\n${value}`
}

function split(record: StoredRecord): StoredRecord {
  const end = record.value.indexOf('\n')
  const { key, headers } = JSON.parse(record.value.slice(0, end)) as More
  return {
    ...record,
    value: record.value.slice(end + 1),
    key: key === undefined ? record.key : Uint8Array.from(Buffer.from(key, 'base64')),
    ...(headers && { headers }),
  }
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8
}
