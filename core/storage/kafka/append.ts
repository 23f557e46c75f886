import type { MessageToProduce, Producer } from '@platformatic/kafka'
import { Failure } from '#mesh/errors.ts'
import type { LogRecord } from '../log.ts'
import { reasonOf } from './client.ts'

/** Bytes of appends that may wait for the brokers; beyond, callers are told to come back. */
const maxQueuedBytes = 128 * 1024 * 1024
/** Of one partition's records in a send, which the broker takes as one; a larger append goes in several. */
const batchBytes = 1024 * 1024
/** Of a send, over all partitions. */
const sendBytes = 16 * 1024 * 1024
/** What Kafka adds to a record, at most, with its key. */
const recordOverheadBytes = 64
/** Of one record; the topics' `max.message.bytes`. */
export const maxRecordBytes = 8 * 1024 * 1024

type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>

interface Piece {
  readonly place: string
  readonly messages: readonly Message[]
  readonly bytes: number
  readonly settled: PromiseWithResolvers<number>
}

/**
 * Appends by one send at a time, in which shares whatever has come while the last was under way: so what a send was
 * repeated for is over before the next gets its sequence numbers.
 */
export function createAppender(producer: Producer) {
  const queue: Piece[] = []
  let queuedBytes = 0
  let draining: Promise<void> | undefined

  /** What goes next: in order of arrival, of each partition as much as one batch holds. */
  function takeSend(): Piece[] {
    const filled = new Map<string, number>()
    let total = 0
    const taken: Piece[] = []
    const left: Piece[] = []
    for (const piece of queue) {
      const held = filled.get(piece.place) ?? 0
      const fits = taken.length === 0 || (total + piece.bytes <= sendBytes && held + piece.bytes <= batchBytes)
      // Nothing of a partition overtakes what had to wait.
      filled.set(piece.place, fits ? held + piece.bytes : Infinity)
      if (fits) total += piece.bytes
      ;(fits ? taken : left).push(piece)
    }
    queue.splice(0, queue.length, ...left)
    return taken
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const pieces = takeSend()
      try {
        await send(pieces)
      } catch (error) {
        for (const { settled } of pieces) settled.reject(unconfirmed(error))
      }
      for (const { bytes } of pieces) queuedBytes -= bytes
    }
    draining = undefined
  }

  async function send(pieces: readonly Piece[]): Promise<void> {
    const messages = pieces.flatMap((piece) => piece.messages)
    const { offsets = [] } = await producer.send({ messages, idempotent: true })
    const next = new Map(offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, Number(offset)]))
    for (const { place, messages: mine, settled } of pieces) {
      const end = (next.get(place) ?? NaN) + mine.length
      next.set(place, end)
      settled.resolve(end - 1)
    }
  }

  return {
    /** Resolves to the offset of the last record. */
    async append(topic: string, partition: number, records: readonly LogRecord[]): Promise<number> {
      const pieces = cut(topic, partition, records)
      const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0)
      if (queuedBytes + bytes > maxQueuedBytes) {
        throw new Failure('limit.queue_full', 'More events are waiting for Kafka than may wait.', {
          retryAfterMs: 1_000,
        })
      }
      queuedBytes += bytes
      queue.push(...pieces)
      draining ??= drain()
      const offsets = await Promise.all(pieces.map(({ settled }) => settled.promise))
      return offsets.at(-1) ?? -1
    },
    /** Resolves when nothing waits. */
    async idle(): Promise<void> {
      await draining
    },
  }
}

function cut(topic: string, partition: number, records: readonly LogRecord[]): Piece[] {
  const pieces: Piece[] = []
  let messages: Message[] = []
  let bytes = 0
  const end = (): void => {
    pieces.push({ place: `${topic}/${partition}`, messages, bytes, settled: Promise.withResolvers() })
    messages = []
    bytes = 0
  }
  for (const { key, value, timestamp, headers = [] } of records) {
    const text = Buffer.from(value)
    const ofHeaders = headers.reduce((sum, header) => sum + 3 * (header.key.length + header.value.length + 4), 0)
    const size = text.length + recordOverheadBytes + (key?.length ?? 0) + ofHeaders
    if (size + 1024 > maxRecordBytes) {
      throw new Failure('request.too_large', `A record has more than ${maxRecordBytes >> 20} MB.`)
    }
    if (messages.length > 0 && bytes + size > batchBytes) end()
    bytes += size
    messages.push({
      topic,
      partition,
      value: text,
      timestamp: BigInt(timestamp),
      ...(key && { key: Buffer.from(key.buffer, key.byteOffset, key.byteLength) }),
      ...(headers.length > 0 && {
        headers: new Map(headers.map((header) => [Buffer.from(header.key), Buffer.from(header.value)])),
      }),
    })
  }
  end()
  return pieces
}

function unconfirmed(cause: unknown): Failure {
  return new Failure('log.unavailable', 'It did not confirm the events; some may be in it.', {
    hint: 'Send them again with the same Idempotency-Key or ids: what is there already is dropped.',
    retryAfterMs: 2_000,
    cause: reasonOf(cause),
  })
}
