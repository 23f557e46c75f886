import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ListOffsetsRequest_End as End } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { asCaller } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { type AppContext, type AppEnv, callerOf } from '../context.ts'
import { failures, json, jsonBody, query } from '../schemas.ts'
import { reading } from './consume.ts'
import { producing } from './produce.ts'
import { bodyOf, Done, done, FoundOffset, offsetsShape, oneOrMore, Partition, TopicName } from './shapes.ts'

const tags = ['kafka']
const Group = z.object({
  name: z.string(),
  instances: z.array(
    z.object({
      name: z.string(),
      topics: z.array(z.object({ topic: z.string(), partitions: z.array(z.int()) })),
    }),
  ),
})
const topics = createRoute({
  tags,
  summary: 'Topics, and how many partitions each has',
  method: 'get',
  path: '/kafka/topics',
  request: { query: query({}) },
  responses: { 200: json('By name', z.record(z.string(), z.int())), ...failures },
})
const consumers = createRoute({
  tags,
  summary: 'Groups, their instances and what each reads',
  method: 'get',
  path: '/kafka/consumers',
  request: { query: query({}) },
  responses: { 200: json('By name', z.array(Group)), ...failures },
})
const offsets = createRoute({
  tags,
  summary: 'Where partitions begin (`earliest`), end (`latest`), or were at a time',
  method: 'post',
  path: '/kafka/offsets/{timestamp}',
  request: {
    params: z.object({
      timestamp: z
        .string()
        .regex(/^(earliest|latest|\d{1,15})$/, 'must be milliseconds since 1970, earliest or latest')
        .openapi({ example: 'earliest' }),
    }),
    query: query({}),
  },
  responses: { 200: json('Offsets', z.array(FoundOffset)), ...failures },
})
const removeConsumer = createRoute({
  tags,
  summary: 'End an instance of a group',
  method: 'post',
  path: '/kafka/delete-consumer/{group}/{instance}',
  request: {
    params: z.object({ group: z.string().min(1).max(100), instance: z.string().min(1).max(100) }),
    query: query({}),
  },
  responses: { 200: json('It is done', Done), ...failures },
})
const removeTopic = createRoute({
  tags,
  summary: 'Delete a topic and its messages',
  method: 'delete',
  path: '/v1/topics/{name}',
  request: { params: z.object({ name: TopicName }), query: query({}) },
  responses: { 204: { description: 'It is gone' }, ...failures },
})

/** The REST API of Upstash's Kafka, over whichever log there is: what `@upstash/kafka` asks. */
export function kafka(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  producing(app, deps)
  reading(app, deps)
  const { core } = deps
  app.openapi(topics, async (c) => {
    const found = await core.kafka.listTopics({}, asCaller(callerOf(c)))
    return c.json(Object.fromEntries(found.topics.map(({ name, partitions }) => [name, partitions])), 200)
  })
  app.openapi(consumers, async (c) => {
    const { groups } = await core.kafka.listConsumers({}, asCaller(callerOf(c)))
    return c.json(
      groups.map(({ name, instances }) => ({
        name,
        instances: instances.map((instance) => ({
          name: instance.name,
          topics: [...Map.groupBy(instance.partitions, ({ topic }) => topic)].map(([topic, mine]) => ({
            topic,
            partitions: mine.map(({ partition }) => partition).toSorted((a, b) => a - b),
          })),
        })),
      })),
      200,
    )
  })
  app.openAPIRegistry.registerPath({
    ...offsets,
    request: { ...offsets.request, ...jsonBody(z.union([z.array(Partition), Partition])) },
  })
  app.openapi({ ...offsets, hide: true }, async (c) => {
    const { timestamp } = c.req.valid('param')
    const partitions = await bodyOf(c, oneOrMore(Partition))
    const found = await core.kafka.listOffsets({ partitions, at: atOf(timestamp) }, asCaller(callerOf(c)))
    return c.json(offsetsShape(found), 200)
  })
  const remove = async (c: AppContext, asked: { readonly group: string; readonly instance: string }) => {
    await core.kafka.removeConsumer(asked, asCaller(callerOf(c)))
    return done
  }
  app.openapi(removeConsumer, async (c) => c.json(await remove(c, c.req.valid('param')), 200))
  app.openapi({ ...removeConsumer, method: 'delete' }, async (c) => c.json(await remove(c, c.req.valid('param')), 200))
  app.openapi(removeTopic, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    await core.kafka.deleteTopic({ name }, asCaller(callerOf(c)))
    return c.body(null, 204)
  })
}

function atOf(timestamp: string) {
  if (timestamp === 'earliest') return { case: 'end', value: End.EARLIEST } as const
  if (timestamp === 'latest') return { case: 'end', value: End.LATEST } as const
  return { case: 'timestampMs', value: BigInt(timestamp) } as const
}
