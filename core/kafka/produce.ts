import { hash, randomInt } from 'node:crypto'
import { Failure, type Violation } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import { kindsOf } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Append, LogRecord, RecordHeader } from '../storage/log.ts'
import { checkCount, noSuchTopic, seesTopics } from './access.ts'
import type { KafkaDeps } from './deps.ts'
import type { KafkaLimits } from './limits.ts'
import { makeTopic } from './make-topic.ts'
import { checkTopic, logTopic } from './names.ts'
import { type TopicRow, topicsByName } from './store.ts'

export interface NewMessage {
  readonly topic: string
  readonly value: string
  readonly key?: string | undefined
  readonly partition?: number | undefined
  readonly timestamp?: number | undefined
  readonly headers: readonly RecordHeader[]
}

export interface Produced {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
}

/**
 * Appends messages to topics, which are made where the actor may, or the rows of one stream through ingest. What is
 * refused is refused as a whole. Durable when it answers.
 */
export async function produce(deps: KafkaDeps, ctx: Context, messages: readonly NewMessage[]): Promise<Produced[]> {
  const names = [...new Set(messages.map(({ topic }) => topic))]
  const { scopes, workspace } = ctx.actor
  for (const name of names) {
    // Which of the two it needs is known once it is known what it is.
    if (!allows(scopes, 'events:write', name)) authorise(ctx, 'topics:write', name)
  }
  checkCount(messages.length, deps.limits.maxMessages, 'messages')
  const kinds = await kindsOf(deps.db, workspace, names)
  const [stream, ...streams] = names.filter((name) => kinds.get(name) === 'stream')
  if (stream !== undefined) {
    if (streams.length > 0 || names.length > 1) throw mixed(stream)
    return produceToStream(deps, ctx, stream, messages)
  }
  for (const name of names) authorise(ctx, 'topics:write', name)
  const errors = messages.flatMap((message, i) => violations(message, i, deps))
  if (errors.length > 0)
    throw new Failure('request.invalid', 'A message does not hold.', { errors: errors.slice(0, 20) })
  checkSizes(messages, deps.limits)
  const topics = await writable(deps, ctx, names)
  const giveBack = await deps.budgets.spend(ctx.actor, { events: messages.length })
  try {
    return await append(deps, workspace, topics, messages)
  } catch (thrown) {
    giveBack()
    throw thrown
  }
}

async function produceToStream(
  deps: KafkaDeps,
  ctx: Context,
  stream: string,
  messages: readonly NewMessage[],
): Promise<Produced[]> {
  const errors = messages.flatMap(({ key, partition, timestamp, headers }, i): Violation[] =>
    Object.entries({ key, partition, timestamp, headers: headers.length > 0 ? headers : undefined })
      .filter(([, value]) => value !== undefined)
      .map(([name]) => ({ pointer: `/${i}/${name}`, reason: 'an event of a stream has only a value' })),
  )
  if (errors.length > 0) {
    throw new Failure('request.invalid', `\`${stream}\` is a stream: its events are rows, and placed by their id.`, {
      hint: 'Send the row as `value` alone, with what else there is in columns of its own.',
      errors: errors.slice(0, 20),
    })
  }
  const timestamp = deps.now()
  const places = await deps.produceRows(ctx, { stream, rows: messages.map(({ value }) => value) })
  return places.map((place) => ({ topic: stream, ...place, timestamp }))
}

/** The topics, made where they are not there. */
async function writable(
  deps: KafkaDeps,
  ctx: Context,
  names: readonly string[],
): Promise<ReadonlyMap<string, TopicRow>> {
  const there = seesTopics(ctx) ? await topicsByName(deps.db, ctx.actor.workspace, names) : []
  const topics = new Map(there.map((topic) => [topic.name, topic]))
  const missing = names.filter((name) => !topics.has(name))
  for (const name of missing) {
    if (!seesTopics(ctx) || !allows(ctx.actor.scopes, 'topics:create', name)) throw noSuchTopic(name)
  }
  for (const name of missing) topics.set(name, await makeTopic(deps, ctx, name))
  return topics
}

async function append(
  { log, now }: KafkaDeps,
  workspace: string,
  topics: ReadonlyMap<string, TopicRow>,
  messages: readonly NewMessage[],
): Promise<Produced[]> {
  const time = now()
  const appends = new Map<string, Append & { readonly records: LogRecord[] }>()
  // Those of a topic without a key go to one partition, as one write.
  const anywhere = new Map([...topics].map(([name, { partitions }]) => [name, randomInt(partitions)]))
  const placed = messages.map((message, i) => {
    const { topic, value, key, headers } = message
    const { partitions } = topics.get(topic) as TopicRow
    const { partition = key === undefined ? (anywhere.get(topic) ?? 0) : partitionOf(key, partitions) } = message
    if (partition >= partitions) throw noPartition(topic, partition, partitions, i)
    const place = `${topic}/${partition}`
    const one = appends.get(place) ?? { topic: logTopic(workspace, topic), partition, records: [] }
    appends.set(place, one)
    const { timestamp = time } = message
    const record = { key: key === undefined ? undefined : Buffer.from(key), value, timestamp }
    const nth = one.records.push(headers.length > 0 ? { ...record, headers } : record)
    return { topic, partition, timestamp, place, nth }
  })
  const positions = await log.append([...appends.values()])
  const last = new Map(positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]))
  return placed.map(({ topic, partition, timestamp, place, nth }) => {
    const end = last.get(`${logTopic(workspace, topic)}/${partition}`) ?? NaN
    return { topic, partition, timestamp, offset: end - (appends.get(place)?.records.length ?? 0) + nth }
  })
}

/** Kafka's own clients have another hash: a key goes to the same partition whoever produces it here. */
function partitionOf(key: string, partitions: number): number {
  return hash('sha256', key, 'buffer').readUInt32BE(0) % partitions
}

function violations({ topic, timestamp, headers }: NewMessage, i: number, { limits, now }: KafkaDeps): Violation[] {
  checkTopic(topic, `/${i}/topic`)
  const errors: Violation[] = []
  if (timestamp !== undefined && (timestamp < 0 || timestamp > now() + limits.maxAheadMs)) {
    errors.push({ pointer: `/${i}/timestamp`, reason: 'must be milliseconds since 1970, at most an hour from now' })
  }
  if (headers.length > limits.maxHeaders) {
    errors.push({ pointer: `/${i}/headers`, reason: `must be at most ${limits.maxHeaders}` })
  }
  return errors
}

function checkSizes(messages: readonly NewMessage[], { maxMessageBytes, maxBatchBytes }: KafkaLimits): void {
  let all = 0
  for (const [i, { value, key = '', headers }] of messages.entries()) {
    const texts = [value, key, ...headers.flatMap((header) => [header.key, header.value])]
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    all += bytes
    if (bytes <= maxMessageBytes) continue
    throw new Failure('request.too_large', `A message has more than ${maxMessageBytes} bytes.`, {
      errors: [{ pointer: `/${i}`, reason: `has ${bytes} bytes; at most ${maxMessageBytes} are taken` }],
    })
  }
  if (all > maxBatchBytes) {
    throw new Failure('request.too_large', `The messages have ${all} bytes; at most ${maxBatchBytes} are taken.`)
  }
}

function mixed(stream: string): Failure {
  return new Failure('request.invalid', `\`${stream}\` is a stream: what is for it goes by itself.`, {
    hint: 'Send the messages of each stream, and those of all topics, in requests of their own.',
    errors: [{ pointer: 'topic', reason: `${stream} is a stream and others are not it` }],
  })
}

function noPartition(topic: string, partition: number, partitions: number, i: number): Failure {
  return new Failure('request.invalid', `\`${topic}\` has no partition ${partition}.`, {
    errors: [{ pointer: `/${i}/partition`, reason: `must be 0 to ${partitions - 1}` }],
  })
}
