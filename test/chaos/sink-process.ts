/**
 * The stream domain in a process of its own, that a test ends at a moment of its choice:
 *   node sink-process.ts '{"directory": …, "append": […], "batchRows": 7, "dieAt": "after-plan", "dieOn": 2, "dieAfterMs": 0}'
 * What it was given to append, it reports as it is durable; when everything is in the table, it says so and what is there.
 */
import { create } from '@bufbuild/protobuf'
import { hash } from 'node:crypto'
import { pino } from 'pino'
import { SchemaSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { startEmbeddedWarehouse } from '../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../core/storage/clickhouse/connect.ts'
import { openKafkaLog } from '../../core/storage/kafka/log.ts'
import type { KafkaOptions } from '../../core/storage/kafka/url.ts'
import { openSqliteLog } from '../../core/storage/sqlite/log.ts'
import type { FailPoint } from '../../core/stream/deliver.ts'
import { createStream, streamLimits } from '../../core/stream/index.ts'

export interface Task {
  readonly directory: string
  /** Where the log is, if not in the directory. */
  readonly kafka?: KafkaOptions
  /** Numbers to append, each an event of its own, to both partitions in turn. */
  readonly append: readonly string[]
  readonly batchRows: number
  readonly dieAt?: FailPoint
  /** The how-manieth time. */
  readonly dieOn?: number
  readonly dieAfterMs?: number
}

export interface Told {
  readonly appended?: true
  readonly found?: { readonly rows: string; readonly numbers: readonly string[]; readonly months: string }
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const logger = pino({ level: 'error' }, pino.destination(2))
const engine = await startEmbeddedWarehouse({ directory: `${task.directory}/warehouse`, log: logger })
const warehouse = connectWarehouse({ ...engine, maxConnections: 8, log: logger })
const log = await (task.kafka === undefined
  ? openSqliteLog({ directory: `${task.directory}/log` })
  : openKafkaLog(task.kafka, task.directory.replaceAll(/\W/g, '-')))
let passed = 0
const stream = createStream({
  log,
  warehouse,
  logger,
  limits: { ...streamLimits, lingerMs: 1, pauseMs: 1, batchRows: task.batchRows },
  failPoint(at) {
    if (at !== task.dieAt || ++passed !== task.dieOn) return
    if (task.dieAfterMs === undefined) process.kill(process.pid, 'SIGKILL')
    // Later: what it was about to do is under way by then.
    else setTimeout(() => process.kill(process.pid, 'SIGKILL'), task.dieAfterMs)
  },
})
await stream.tables.createDatabase('w')
await stream.tables.create(
  'w',
  's',
  create(SchemaSchema, {
    columns: [
      { name: 'time', type: 'DateTime64(3)' },
      { name: 'n', type: 'Int64' },
    ],
    time: 'time',
  }),
  2,
)
const records = task.append.map((n, at) => ({
  key: hash('md5', n, 'buffer') as Uint8Array,
  value: `{"time":"2026-${at % 3 === 0 ? '09' : '10'}-11T10:00:00Z","n":${n}}`,
  timestamp: Date.now(),
}))
if (records.length > 0) {
  await log.append(
    [0, 1].map((partition) => ({ topic: 'w.s', partition, records: records.filter((_, at) => at % 2 === partition) })),
  )
}
await told({ appended: true })

const ranges = await log.ranges('w.s')
const last = ranges
  .filter(({ end }) => end > 0)
  .map(({ partition, end }) => ({ topic: 'w.s', partition, offset: end - 1 }))
const signal = AbortSignal.timeout(30_000)
await stream.waitUntilQueryable(last, { signal, deadline: Date.now() + 30_000 })
const [found] = await warehouse.rows<{ rows: string; numbers: readonly string[]; months: string }>({
  sql: `SELECT toString(count()) AS rows, arraySort(groupArray(toString(n))) AS numbers, toString(uniqExact(toYYYYMM(time))) AS months FROM s`,
  database: 'w',
  deadline: Date.now() + 10_000,
  signal: AbortSignal.timeout(10_000),
})
await told(found === undefined ? {} : { found })
await stream.close()
await warehouse.close()
await Promise.all([engine.close(), log.close()])
process.exit(0)

function told(what: Told): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve()
    else process.send(what, () => resolve())
  })
}
