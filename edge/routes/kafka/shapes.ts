import { z } from '@hono/zod-openapi'
import type { MessagesResponse, OffsetsResponse } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { parseJson, readBody, textOf } from '../body.ts'
import type { AppContext } from '../context.ts'
import { invalid } from '../problems.ts'

/** The REST API of Upstash's Kafka, as `@upstash/kafka` 1.3 speaks it. */

/** JSON escapes what is 8 MiB at most. */
export const maxProducedBytes = 12 << 20
export const defaultWaitMs = 1_000

const Text = z.string()
const Index = z.int().min(0).max(0x7fff_ffff)
export const TopicName = z.string().min(1).max(100).openapi({ example: 'emails' })
export const Wait = z.int().min(0).max(30_000).openapi({ description: 'Milliseconds; 1,000 if absent' })
export const Partition = z.strictObject({ topic: TopicName, partition: Index }).openapi('TopicPartition')
export const Offset = z
  .strictObject({ topic: TopicName, partition: Index, offset: z.int().min(0) })
  .openapi('TopicPartitionOffset')
export const FoundOffset = z.object({ topic: z.string(), partition: z.int(), offset: z.int() })
const Headers = z.array(z.strictObject({ key: Text, value: Text }))
const message = {
  value: Text.openapi({ description: 'Of a stream: a row as JSON' }),
  key: Text.optional().openapi({ description: 'The same key is the same partition' }),
  partition: Index.optional(),
  timestamp: z.int().min(0).optional().openapi({ description: 'Milliseconds since 1970' }),
  headers: Headers.optional(),
}
export const NewMessage = z.strictObject({ topic: TopicName, ...message }).openapi('NewMessage')
export const NewMessageOfTopic = z.strictObject(message).openapi('NewMessageOfTopic')
export const Produced = z
  .object({ topic: z.string(), partition: z.int(), offset: z.int(), timestamp: z.int() })
  .openapi('ProducedMessage')
export const Messages = z.array(
  z
    .object({
      topic: z.string(),
      partition: z.int(),
      offset: z.int(),
      timestamp: z.int(),
      key: z.string(),
      value: z.string(),
      headers: Headers,
    })
    .openapi('Message'),
)
export const Done = z.object({ result: z.literal('Success'), status: z.literal(200) }).openapi('KafkaDone')
export const done = { result: 'Success', status: 200 } as const

/** The body as JSON of a schema, whatever its type is called: `curl -d` calls it a form. Empty: `undefined`. */
export async function bodyOf<T extends z.ZodType>(c: AppContext, schema: T, maxBytes = 1 << 20): Promise<z.output<T>> {
  const bytes = c.req.raw.body === null ? new Uint8Array() : await readBody(c.req.raw, maxBytes)
  c.set('requestBytes', bytes.byteLength)
  const text = textOf(bytes)
  const parsed = schema.safeParse(text === '' ? undefined : parseJson(text))
  if (!parsed.success) throw invalid('json', parsed.error.issues)
  return parsed.data
}

export function messagesShape(c: AppContext, { messages }: MessagesResponse): z.input<typeof Messages> {
  const shaped = messages.map(({ topic, partition, offset, timestampMs, key, value, headers }) => ({
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestampMs),
    key,
    value,
    headers: headers.map((header) => ({ key: header.key, value: header.value })),
  }))
  const bytes = shaped.reduce((sum, one) => sum + one.key.length + one.value.length, 0)
  c.set('read', { rows: BigInt(shaped.length), bytes: BigInt(bytes) })
  return shaped
}

export function offsetsShape({ offsets }: OffsetsResponse): z.input<typeof FoundOffset>[] {
  return offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: Number(offset) }))
}

/** One or several of something: what is wrong is said of the one, as of the first of several. */
export function oneOrMore<T extends z.ZodType>(item: T) {
  return z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(item))
}
