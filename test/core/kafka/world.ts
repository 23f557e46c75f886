import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  CommitRequestSchema,
  ConsumeRequest_Reset as Reset,
  ConsumeRequestSchema,
  DeleteTopicRequestSchema,
  FetchRequestSchema,
  GetCommittedRequestSchema,
  ListConsumersRequestSchema,
  ListOffsetsRequestSchema,
  ListTopicsRequestSchema,
  ProduceRequestSchema,
  RemoveConsumerRequestSchema,
} from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { migrations as audit } from '../../../core/audit/index.ts'
import { createBudgets } from '../../../core/budgets.ts'
import { claimName, migrations as config } from '../../../core/config/index.ts'
import { createKafka, type KafkaLimits, kafkaLimits, migrations } from '../../../core/kafka/index.ts'
import { openSqliteLog } from '../../../core/storage/sqlite/log.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'
import { temporaryDirectory } from '../../support/directory.ts'

type Init<S extends Parameters<typeof create>[0]> = MessageInitShape<S>
type Actor = Parameters<typeof callBy>[0]

export const everyScope = ['topics:read', 'topics:write', 'topics:create', 'events:write']

/** The domain on a log and a control store of its own, at a time that a test says. Each test has a workspace of its own. */
export async function openWorld(limits: Partial<KafkaLimits> = {}) {
  const directory = temporaryDirectory()
  const [log, control] = await Promise.all([
    openSqliteLog({ directory: directory.path }),
    freshControl([audit, config, migrations]),
  ])
  const clock = { now: Date.now() }
  const rows: { readonly stream: string; readonly rows: readonly string[] }[] = []
  const kafka = createKafka({
    db: control.db,
    log,
    budgets: createBudgets({ now: () => clock.now, onNear: () => undefined }),
    limits: { ...kafkaLimits, ...limits },
    partitions: 4,
    retentionMs: 86_400_000,
    async produceRows(_, input) {
      rows.push(input)
      return input.rows.map((_row, offset) => ({ partition: 0, offset }))
    },
    now: () => clock.now,
  })
  const { service } = kafka
  let tests = 0
  const workspace = () => `w${tests}`
  const as = (actor: Actor = {}) => callBy({ workspace: workspace(), scopes: everyScope, ...actor })

  async function consume(instance: string, init: Init<typeof ConsumeRequestSchema> = {}, actor?: Actor) {
    const asked = {
      group: 'g',
      instance,
      topics: ['t'],
      autoCommit: true,
      autoCommitIntervalMs: 5_000,
      reset: Reset.EARLIEST,
      sessionTimeoutMs: 10_000,
      ...init,
    }
    return (await service.consume(create(ConsumeRequestSchema, asked), as(actor))).messages
  }

  return {
    /** Another workspace than before. */
    next: () => void tests++,
    workspace,
    kafka,
    log,
    clock,
    rows,
    consume,
    /** The values that it is given, in order. */
    async values(instance: string, init?: Init<typeof ConsumeRequestSchema>) {
      return (await consume(instance, init)).map(({ value }) => value).sort()
    },
    async produce(messages: Init<typeof ProduceRequestSchema>['messages'], actor?: Actor) {
      return (await service.produce(create(ProduceRequestSchema, { messages: messages ?? [] }), as(actor))).produced
    },
    async fetch(init: Init<typeof FetchRequestSchema>, actor?: Actor) {
      return (await service.fetch(create(FetchRequestSchema, init), as(actor))).messages
    },
    commit: (instance: string, offsets: Init<typeof CommitRequestSchema>['offsets'] = [], actor?: Actor) =>
      service.commit(create(CommitRequestSchema, { group: 'g', instance, offsets }), as(actor)),
    async committed(topic = 't', actor?: Actor) {
      const asked = { group: 'g', partitions: [0, 1, 2, 3].map((partition) => ({ topic, partition })) }
      const { offsets } = await service.getCommitted(create(GetCommittedRequestSchema, asked), as(actor))
      return offsets.map(({ offset }) => Number(offset))
    },
    async offsets(init: Init<typeof ListOffsetsRequestSchema>, actor?: Actor) {
      const { offsets } = await service.listOffsets(create(ListOffsetsRequestSchema, init), as(actor))
      return offsets.map(({ offset }) => Number(offset))
    },
    async topics(actor?: Actor) {
      return (await service.listTopics(create(ListTopicsRequestSchema), as(actor))).topics.map(({ name }) => name)
    },
    async consumers(actor?: Actor) {
      const { groups } = await service.listConsumers(create(ListConsumersRequestSchema), as(actor))
      return groups.map(({ name, instances }) => [name, instances.map((one) => [one.name, one.partitions.length])])
    },
    remove: (instance: string, actor?: Actor) =>
      service.removeConsumer(create(RemoveConsumerRequestSchema, { group: 'g', instance }), as(actor)),
    deleteTopic: (name: string, actor?: Actor) =>
      service.deleteTopic(create(DeleteTopicRequestSchema, { name }), as(actor)),
    /** Something else of this name. */
    claim: (name: string, kind: 'stream' | 'query') =>
      control.db.transaction((tx) => claimName(tx, workspace(), name, kind)),
    async close() {
      await log.close()
      await control.close()
      directory.remove()
    },
  }
}

export type World = Awaited<ReturnType<typeof openWorld>>
