import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { Service } from '#mesh/rpc/call.ts'
import {
  CommitResponseSchema,
  ConsumeRequest_Reset as Reset,
  DeleteTopicResponseSchema,
  type KafkaService,
  ListConsumersResponseSchema,
  ListOffsetsRequest_End as End,
  ListTopicsResponseSchema,
  MessagesResponseSchema,
  type Offset,
  OffsetsResponseSchema,
  ProduceResponseSchema,
  RemoveConsumerResponseSchema,
} from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { contextOf } from '../context.ts'
import { commit } from './commit.ts'
import { consume } from './consume.ts'
import { deleteTopic } from './delete-topic.ts'
import type { KafkaDeps } from './deps.ts'
import { fetchMessages } from './fetch.ts'
import { getCommitted } from './get-committed.ts'
import { listConsumers } from './list-consumers.ts'
import { listOffsets } from './list-offsets.ts'
import { listTopics } from './list-topics.ts'
import { produce } from './produce.ts'
import type { From, Message } from './read.ts'
import { removeConsumer } from './remove-consumer.ts'

const resets: ReadonlyMap<Reset, 'earliest' | 'none'> = new Map([
  [Reset.EARLIEST, 'earliest'],
  [Reset.NONE, 'none'],
])

export function kafkaService(deps: KafkaDeps): Service<typeof KafkaService> {
  return {
    async produce({ messages }, call) {
      const produced = await produce(
        deps,
        contextOf(call),
        messages.map(({ timestampMs, ...message }) => ({
          ...message,
          timestamp: timestampMs === undefined ? undefined : Number(timestampMs),
        })),
      )
      return create(ProduceResponseSchema, {
        produced: produced.map(({ topic, partition, offset, timestamp }) => ({
          topic,
          partition,
          offset: BigInt(offset),
          timestampMs: BigInt(timestamp),
        })),
      })
    },
    async fetch({ offsets, timeoutMs }, call) {
      return messagesOf(await fetchMessages(deps, contextOf(call), { offsets: offsets.map(fromOf), timeoutMs }))
    },
    async consume(request, call) {
      const { group, instance, topics, timeoutMs, autoCommit } = request
      const messages = await consume(deps, contextOf(call), {
        group,
        instance,
        topics,
        timeoutMs,
        autoCommit,
        intervalMs: request.autoCommitIntervalMs,
        sessionMs: request.sessionTimeoutMs,
        reset: resets.get(request.reset) ?? 'latest',
      })
      return messagesOf(messages)
    },
    async commit({ group, instance, offsets }, call) {
      await commit(deps, contextOf(call), { group, instance, offsets: offsets.map(fromOf) })
      return create(CommitResponseSchema)
    },
    async getCommitted({ group, partitions }, call) {
      return offsetsOf(await getCommitted(deps, contextOf(call), { group, partitions }))
    },
    async listOffsets({ partitions, at }, call) {
      const end = at.case === 'end' && at.value === End.EARLIEST ? 'earliest' : 'latest'
      const when = at.case === 'timestampMs' ? Number(at.value) : end
      return offsetsOf(await listOffsets(deps, contextOf(call), { partitions, at: when }))
    },
    async listTopics(_, call) {
      const topics = await listTopics(deps, contextOf(call))
      return create(ListTopicsResponseSchema, { topics: topics.map(({ name, partitions }) => ({ name, partitions })) })
    },
    async deleteTopic({ name }, call) {
      await deleteTopic(deps, contextOf(call), name)
      return create(DeleteTopicResponseSchema)
    },
    async listConsumers(_, call) {
      const groups = await listConsumers(deps, contextOf(call))
      return create(ListConsumersResponseSchema, {
        groups: groups.map(({ name, instances }) => ({
          name,
          instances: instances.map((instance) => ({ name: instance.name, partitions: [...instance.partitions] })),
        })),
      })
    },
    async removeConsumer(request, call) {
      await removeConsumer(deps, contextOf(call), request)
      return create(RemoveConsumerResponseSchema)
    },
  }
}

function fromOf({ topic, partition, offset }: Offset): From {
  return { topic, partition, offset: Number(offset) }
}

function offsetsOf(offsets: readonly From[]) {
  return create(OffsetsResponseSchema, {
    offsets: offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) })),
  })
}

function messagesOf(messages: readonly Message[]) {
  return create(MessagesResponseSchema, { messages: messages.map(messageOf) })
}

function messageOf(message: Message): NonNullable<MessageInitShape<typeof MessagesResponseSchema>['messages']>[number] {
  const { topic, partition, offset, timestamp, key, value, headers = [] } = message
  return {
    topic,
    partition,
    offset: BigInt(offset),
    timestampMs: BigInt(timestamp),
    key: key === undefined ? '' : Buffer.from(key).toString('utf8'),
    value,
    headers: [...headers],
  }
}
