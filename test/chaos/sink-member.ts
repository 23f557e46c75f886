/**
 * The stream domain in a process of its own, with others on the same log and the same warehouse:
 *   node sink-member.ts '{"kafka": …, "warehouse": …, "member": "a"}'
 * Told to sleep, it stops itself at that moment of its next batch, until somebody wakes it.
 */
import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { type ConnectOptions, connectWarehouse } from '../../core/storage/clickhouse/connect.ts'
import { openKafkaLog } from '../../core/storage/kafka/log.ts'
import type { KafkaOptions } from '../../core/storage/kafka/url.ts'
import type { FailPoint } from '../../core/stream/deliver.ts'
import { createStream, streamLimits } from '../../core/stream/index.ts'

export interface MemberTask {
  readonly kafka: KafkaOptions
  readonly warehouse: Pick<ConnectOptions, 'url' | 'username' | 'password'>
  readonly member: string
  /** False: the warehouse knows no insert again. */
  readonly tokens: boolean
}

/** Moments of a batch; `sent` is where it has made sure that the partition is its own, and nothing holds the insert back. */
export type Moment = FailPoint | 'sent'

export interface ToMember {
  readonly sleepAt: Moment
}

const task = JSON.parse(process.argv[2] ?? '') as MemberTask
const logger = pino({ level: 'fatal' }, pino.destination(2))
const warehouse = connectWarehouse({ ...task.warehouse, maxConnections: 8, log: logger })
const log = await openKafkaLog(task.kafka, task.member)
let sleepAt: Moment | undefined
let batches = 0

function pass(moment: Moment): void {
  if (moment !== sleepAt) return
  sleepAt = undefined
  process.kill(process.pid, 'SIGSTOP')
}

createStream({
  log,
  warehouse: {
    ...warehouse,
    async insert(rows) {
      pass('sent')
      await warehouse.insert(task.tokens ? rows : { ...rows, token: randomUUID() })
    },
  },
  logger,
  limits: { ...streamLimits, lingerMs: 5, pauseMs: 20, batchRows: 400 },
  failPoint(at) {
    if (at === 'before-commit') process.send?.({ batches: ++batches })
    pass(at)
  },
})
process.on('message', (message: ToMember) => ({ sleepAt } = message))
process.on('disconnect', () => process.exit(1))
