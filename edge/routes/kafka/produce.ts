import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { asCaller } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { type AppContext, type AppEnv, callerOf } from '../context.ts'
import { failures, json, jsonBody, query } from '../schemas.ts'
import { bodyOf, maxProducedBytes, NewMessage, NewMessageOfTopic, oneOrMore, Produced, TopicName } from './shapes.ts'

const tags = ['kafka']
const responses = { 200: json('Durable: where each is, in their order', z.array(Produced)), ...failures }
const many = createRoute({
  tags,
  summary: 'Produce messages',
  method: 'post',
  path: '/kafka/produce',
  request: { query: query({}) },
  responses,
})
const toTopic = createRoute({
  tags,
  summary: 'Produce messages to one topic',
  method: 'post',
  path: '/kafka/produce/{topic}',
  request: { params: z.object({ topic: TopicName }), query: query({}) },
  responses,
})
const one = createRoute({
  tags,
  summary: 'Produce one message',
  method: 'get',
  path: '/kafka/produce/{topic}/{value}',
  request: { params: z.object({ topic: TopicName, value: z.string() }), query: query({ key: z.string().optional() }) },
  responses: { 200: json('Durable: where it is', Produced), ...failures },
})

type Message = z.output<typeof NewMessage>

export function producing(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  async function produce(c: AppContext, messages: readonly Message[]): Promise<z.input<typeof Produced>[]> {
    c.set('resource', messages[0]?.topic ?? '')
    const asked = messages.map(({ timestamp, headers = [], topic, value, key, partition }) => ({
      topic,
      value,
      headers,
      ...(key !== undefined && { key }),
      ...(partition !== undefined && { partition }),
      ...(timestamp !== undefined && { timestampMs: BigInt(timestamp) }),
    }))
    const { produced } = await core.kafka.produce({ messages: asked }, asCaller(callerOf(c)))
    c.set('events', messages.length)
    return produced.map(({ topic, partition, offset, timestampMs }) => ({
      topic,
      partition,
      offset: Number(offset),
      timestamp: Number(timestampMs),
    }))
  }
  /** Before the body is read, which may be long. */
  const check = (c: AppContext): void =>
    core.breakers.kafka.check({ share: c.var.session.actor.workspace, priority: 'interactive' })

  const someOf = <T extends z.ZodType>(item: T) => z.union([item, z.array(item)])
  app.openAPIRegistry.registerPath({ ...many, request: { ...many.request, ...jsonBody(someOf(NewMessage)) } })
  app.openapi({ ...many, hide: true }, async (c) => {
    check(c)
    return c.json(await produce(c, await bodyOf(c, oneOrMore(NewMessage), maxProducedBytes)), 200)
  })
  const ofTopic = { ...toTopic.request, ...jsonBody(someOf(NewMessageOfTopic)) }
  app.openAPIRegistry.registerPath({ ...toTopic, request: ofTopic })
  app.openapi({ ...toTopic, hide: true }, async (c) => {
    check(c)
    const { topic } = c.req.valid('param')
    const messages = await bodyOf(c, oneOrMore(NewMessageOfTopic), maxProducedBytes)
    return c.json(
      await produce(
        c,
        messages.map((message) => ({ topic, ...message })),
      ),
      200,
    )
  })
  app.openapi(one, async (c) => {
    const { topic, value } = c.req.valid('param')
    const { key } = c.req.valid('query')
    const [made] = await produce(c, [{ topic, value, ...(key !== undefined && { key }) }])
    return c.json(made as z.input<typeof Produced>, 200)
  })
}
