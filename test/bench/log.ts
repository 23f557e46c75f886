/**
 * The event log by itself, embedded and on a broker of Apache Kafka on this machine: records of about 150 bytes appended
 * by as many callers at once as there are partitions, a thousand a call, each durable; all of them read again; and, with
 * the sink running, how many a second are in the warehouse, from the first append to the last row that can be queried.
 *
 *   node test/bench/log.ts [--records 400000] [--rounds 3]
 */
import { parseArgs } from 'node:util'
import { create } from '@bufbuild/protobuf'
import { pino } from 'pino'
import { SchemaSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { startEmbeddedWarehouse } from '../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../core/storage/clickhouse/connect.ts'
import { openKafkaLog } from '../../core/storage/kafka/log.ts'
import type { Log } from '../../core/storage/log.ts'
import { openSqliteLog } from '../../core/storage/sqlite/log.ts'
import { createStream, streamLimits } from '../../core/stream/index.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import { median, quantile, table } from './report.ts'

const { values } = parseArgs({
  options: { records: { type: 'string', default: '400000' }, rounds: { type: 'string', default: '3' } },
})
const partitions = 4
const perCall = 1_000
const calls = Math.ceil(Number(values.records) / perCall / partitions)

const columns = ['user', 'path', 'method', 'country'].map((name) => ({ name, type: 'String' }))
columns.push(
  { name: 'time', type: 'DateTime64(3)' },
  { name: 'status', type: 'Int64' },
  { name: 'bytes', type: 'Int64' },
)
/** Without keys: as repeats they would not reach the table. */
const batch = Array.from({ length: perCall }, (_, n) => ({
  key: undefined,
  value: `{"time":"2026-10-11T10:00:00.000Z","user":"u${n}","path":"/products/${n % 997}","method":"GET","status":200,"bytes":${n * 7},"country":"DE"}`,
  timestamp: Date.now(),
}))

interface Measured {
  readonly stored: number
  readonly appended: number
  readonly read: number
  readonly waitsMs: readonly number[]
}

const all = Array.from({ length: partitions }, (_, partition) => partition)
const since = (began: number) => (performance.now() - began) / 1_000

/** Appends everything; how long each append took. */
async function fill(log: Log, topic: string): Promise<number[]> {
  const waitsMs: number[] = []
  await Promise.all(
    all.map(async (partition) => {
      for (let call = 0; call < calls; call++) {
        const began = performance.now()
        await log.append([{ topic, partition, records: batch }])
        waitsMs.push(performance.now() - began)
      }
    }),
  )
  return waitsMs
}

/** Everything through the log into a table of a warehouse of its own. */
async function store(log: Log, stream: string): Promise<number> {
  const directory = temporaryDirectory()
  const logger = pino({ level: 'warn' }, pino.destination(2))
  const engine = await startEmbeddedWarehouse({ directory: directory.path, log: logger })
  const warehouse = connectWarehouse({ ...engine, maxConnections: 8, log: logger })
  const domain = createStream({ log, warehouse, logger, limits: streamLimits })
  await domain.tables.createDatabase('bench')
  await domain.tables.create('bench', stream, create(SchemaSchema, { columns, time: 'time' }), partitions)
  const began = performance.now()
  await fill(log, `bench.${stream}`)
  const last = all.map((partition) => ({ topic: `bench.${stream}`, partition, offset: calls * perCall - 1 }))
  await domain.waitUntilQueryable(last, { signal: AbortSignal.timeout(600_000), deadline: Infinity })
  const stored = (calls * perCall * partitions) / since(began)
  await domain.close()
  await warehouse.close()
  await engine.close()
  directory.remove()
  return stored
}

async function measure(log: Log, round: number): Promise<Measured> {
  const topic = `bench.r${round}`
  await log.createTopic(topic, { partitions })
  const appending = performance.now()
  const waitsMs = await fill(log, topic)
  const appended = (calls * perCall * partitions) / since(appending)
  const reading = performance.now()
  let found = 0
  for (const partition of all) {
    for (let from = 0; from < calls * perCall;) {
      const records = await log.read(topic, partition, from, { maxRecords: 50_000, maxBytes: 16 << 20 })
      found += records.length
      from += records.length
    }
  }
  const read = found / since(reading)
  // The sink would take it too.
  await log.deleteTopic(topic)
  return { appended, read, stored: await store(log, `s${round}`), waitsMs }
}

const directory = temporaryDirectory()
const libraries = kafkaLibraries()
const kafka = libraries === undefined ? undefined : await startKafka({ libraries })
const logs: [string, Log][] = [['embedded (SQLite)', await openSqliteLog({ directory: directory.path })]]
if (kafka !== undefined) logs.push(['Apache Kafka, one broker', await openKafkaLog(kafka.options('bench'))])

const rounds = new Map<string, Measured[]>()
// In turn, so that what else the machine does meets both.
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, log] of logs) {
    rounds.set(name, [...(rounds.get(name) ?? []), await measure(log, round)])
  }
}
const perSecond = (of: readonly number[]) => Math.round(median(of)).toLocaleString('en')
table('The event log', [
  ['log', 'appended/s', 'read/s', 'into the warehouse/s', 'an append of 1,000, p50', 'p99'],
  ...[...rounds].map(([name, measured]) => {
    const waits = measured.flatMap(({ waitsMs }) => waitsMs)
    return [
      name,
      perSecond(measured.map(({ appended }) => appended)),
      perSecond(measured.map(({ read }) => read)),
      perSecond(measured.map(({ stored }) => stored)),
      `${quantile(waits, 0.5).toFixed(1)} ms`,
      `${quantile(waits, 0.99).toFixed(1)} ms`,
    ]
  }),
])
for (const [, log] of logs) await log.close()
await kafka?.stop()
directory.remove()
process.exit(0)
