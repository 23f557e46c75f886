import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ConsumeRequest_Reset as Reset } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { asCaller } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { type AppContext, type AppEnv, callerOf } from '../context.ts'
import { invalid } from '../problems.ts'
import { failures, json, jsonBody, query } from '../schemas.ts'
import {
  bodyOf,
  defaultWaitMs,
  Done,
  done,
  FoundOffset,
  Messages,
  messagesShape,
  Offset,
  offsetsShape,
  oneOrMore,
  Partition,
  TopicName,
  Wait,
} from './shapes.ts'

const Fetch = z
  .strictObject({
    topic: TopicName.optional(),
    partition: z.int().min(0).max(0x7fff_ffff).optional(),
    offset: z.int().min(0).optional(),
    topicPartitionOffsets: z.array(Offset).max(256).optional(),
    timeout: Wait.optional(),
  })
  .openapi('FetchMessages')
const Consume = z
  .strictObject({
    topic: TopicName.optional(),
    topics: z.array(TopicName).max(32).optional(),
    timeout: Wait.optional(),
  })
  .openapi('ConsumeMessages')
const milliseconds = z.coerce.number().int().min(0).max(0x7fff_ffff).optional()
const settings = z.object({
  'kafka-enable-auto-commit': z.enum(['true', 'false']).optional(),
  'kafka-auto-commit-interval': milliseconds,
  'kafka-auto-offset-reset': z.enum(['earliest', 'latest', 'none']).optional(),
  'kafka-session-timeout-ms': milliseconds,
})
const resets = { earliest: Reset.EARLIEST, latest: Reset.LATEST, none: Reset.NONE } as const

const tags = ['kafka']
const Named = z.string().min(1).max(100)
const ofInstance = z.object({ group: Named, instance: Named })
const messages200 = { 200: json('Messages', Messages), ...failures }
const done200 = { 200: json('It is done', Done), ...failures }
const fetching = createRoute({
  tags,
  summary: 'Read messages from offsets on, without a group',
  method: 'post',
  path: '/kafka/fetch',
  request: { query: query({}) },
  responses: messages200,
})
const consuming = createRoute({
  tags,
  summary: 'Read on for an instance of a group',
  method: 'post',
  path: '/kafka/consume/{group}/{instance}',
  request: { params: ofInstance, query: query({}), headers: settings },
  responses: messages200,
})
const consumingOne = createRoute({
  tags,
  summary: 'Read on for an instance of a group, from one topic',
  method: 'get',
  path: '/kafka/consume/{group}/{instance}/{topic}',
  request: {
    params: ofInstance.extend({ topic: TopicName }),
    query: query({ timeout: z.coerce.number().int().min(0).max(30_000).optional() }),
    headers: settings,
  },
  responses: messages200,
})
const commit = createRoute({
  tags,
  summary: 'Commit offsets of a group; without a body, of all that the instance was given',
  method: 'post',
  path: '/kafka/commit/{group}/{instance}',
  request: { params: ofInstance, query: query({}) },
  responses: done200,
})
const committed = createRoute({
  tags,
  summary: 'What a group has committed; -1 where it is nothing',
  method: 'post',
  path: '/kafka/committed/{group}/{instance}',
  request: { params: ofInstance, query: query({}) },
  responses: { 200: json('Offsets', z.array(FoundOffset)), ...failures },
})

export function reading(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  async function consume(
    c: AppContext,
    asked: z.output<typeof ofInstance>,
    { topic, topics = [], timeout = defaultWaitMs }: z.output<typeof Consume>,
    headers: z.output<typeof settings>,
  ): Promise<z.input<typeof Messages>> {
    const named = topic === undefined ? topics : [...topics, topic]
    c.set('resource', named[0] ?? '')
    const found = await core.kafka.consume(
      {
        ...asked,
        topics: named,
        timeoutMs: timeout,
        autoCommit: headers['kafka-enable-auto-commit'] !== 'false',
        autoCommitIntervalMs: headers['kafka-auto-commit-interval'] ?? 5_000,
        reset: resets[headers['kafka-auto-offset-reset'] ?? 'latest'],
        sessionTimeoutMs: headers['kafka-session-timeout-ms'] ?? 120_000,
      },
      asCaller(callerOf(c), timeout + answersWithinMs),
    )
    return messagesShape(c, found)
  }

  app.openAPIRegistry.registerPath({ ...fetching, request: { ...fetching.request, ...jsonBody(Fetch) } })
  app.openapi({ ...fetching, hide: true }, async (c) => {
    const { timeout = defaultWaitMs, topicPartitionOffsets = [], ...one } = await bodyOf(c, Fetch)
    const offsets = one.topic === undefined ? topicPartitionOffsets : [...topicPartitionOffsets, placeOf(one)]
    c.set('resource', offsets[0]?.topic ?? '')
    const asked = offsets.map((place) => ({ ...place, offset: BigInt(place.offset) }))
    const caller = asCaller(callerOf(c), timeout + answersWithinMs)
    return c.json(messagesShape(c, await core.kafka.fetch({ offsets: asked, timeoutMs: timeout }, caller)), 200)
  })
  app.openAPIRegistry.registerPath({ ...consuming, request: { ...consuming.request, ...jsonBody(Consume) } })
  app.openapi({ ...consuming, hide: true }, async (c) => {
    const asked = await bodyOf(c, Consume)
    return c.json(await consume(c, c.req.valid('param'), asked, c.req.valid('header')), 200)
  })
  app.openapi(consumingOne, async (c) => {
    const { topic, ...who } = c.req.valid('param')
    return c.json(await consume(c, who, { topic, ...c.req.valid('query') }, c.req.valid('header')), 200)
  })
  const offsetsOf = z.union([z.array(Offset), Offset])
  app.openAPIRegistry.registerPath({
    ...commit,
    request: { ...commit.request, body: { content: { 'application/json': { schema: offsetsOf } } } },
  })
  app.openapi({ ...commit, hide: true }, async (c) => {
    const { group, instance } = c.req.valid('param')
    const offsets = (await bodyOf(c, oneOrMore(Offset).optional())) ?? []
    c.set('resource', offsets[0]?.topic ?? '')
    const asked = offsets.map((place) => ({ ...place, offset: BigInt(place.offset) }))
    await core.kafka.commit({ group, instance, offsets: asked }, asCaller(callerOf(c)))
    return c.json(done, 200)
  })
  const partitions = z.union([z.array(Partition), Partition])
  app.openAPIRegistry.registerPath({ ...committed, request: { ...committed.request, ...jsonBody(partitions) } })
  app.openapi({ ...committed, hide: true }, async (c) => {
    const { group } = c.req.valid('param')
    const asked = { group, partitions: await bodyOf(c, oneOrMore(Partition)) }
    return c.json(offsetsShape(await core.kafka.getCommitted(asked, asCaller(callerOf(c)))), 200)
  })
}

/** Beside the time that it may wait. */
const answersWithinMs = 10_000

function placeOf(one: Pick<z.output<typeof Fetch>, 'topic' | 'partition' | 'offset'>): z.output<typeof Offset> {
  const parsed = Offset.safeParse(one)
  if (!parsed.success) throw invalid('json', parsed.error.issues)
  return parsed.data
}
