import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { Service } from '#mesh/rpc/call.ts'
import {
  type AnswerSchema,
  type RedisService,
  type ReplySchema,
  RunCommandsResponseSchema,
} from '#proto/edgewise/redis/v1/redis_pb.ts'
import { contextOf } from '../context.ts'
import { runCommands, type RedisDeps } from './run-commands.ts'

type Replies = Awaited<ReturnType<typeof runCommands>>

export function redisService(deps: RedisDeps): Service<typeof RedisService> {
  return {
    async runCommands({ commands, atomic, readOnly }, call) {
      const replies = await runCommands(deps, contextOf(call), {
        commands: commands.map(({ args }) =>
          args.map((arg) => Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength)),
        ),
        atomic,
        readOnly,
      })
      return create(RunCommandsResponseSchema, { answers: replies.map(answerShape) })
    },
  }
}

function answerShape(reply: Replies[number]): MessageInitShape<typeof AnswerSchema> {
  const shape = replyShape(reply)
  return shape.kind?.case === 'refusal'
    ? { came: { case: 'refusal', value: shape.kind.value } }
    : { came: { case: 'reply', value: shape } }
}

function replyShape(reply: Replies[number]): MessageInitShape<typeof ReplySchema> {
  if (reply === null) return {}
  if (typeof reply === 'bigint') return { kind: { case: 'integer', value: reply } }
  if (reply instanceof Uint8Array) return { kind: { case: 'text', value: new Uint8Array(reply) } }
  if ('refusal' in reply) return { kind: { case: 'refusal', value: reply.refusal } }
  return { kind: { case: 'list', value: { items: reply.map(replyShape) } } }
}
