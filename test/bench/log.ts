/**
 * The event log by itself, embedded and on a broker of Apache Kafka on this machine: records of about 150 bytes appended
 * by as many callers at once as there are partitions, a thousand a call, each durable; all of them read again; and, with
 * the sink running, how many a second are in the warehouse, from the first append to the last row that can be queried.
 * Then once more through the broker, which is killed in the middle and started again: what of it was lost, what doubled.
 *
 *   TEST_SERVERS=found node test/bench/log.ts [--records 400000] [--rounds 3]
 */
import { parseArgs } from 'node:util'
import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
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
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
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

interface Table {
  readonly topic: string
  /** Waits until all that the log has of it can be queried. */
  settle(): Promise<void>
  counts(): Promise<{ readonly rows: number; readonly different: number }>
}

/** Lends a table of a warehouse of its own that the log is taken into. */
async function withTable<T>(log: Log, stream: string, level: string, use: (table: Table) => Promise<T>): Promise<T> {
  const directory = temporaryDirectory()
  const logger = pino({ level }, pino.destination(2))
  const engine = await startEmbeddedWarehouse({ directory: directory.path, log: logger })
  const warehouse = connectWarehouse({ ...engine, maxConnections: 8, log: logger })
  const domain = createStream({ log, warehouse, logger, limits: streamLimits })
  await domain.tables.createDatabase('bench')
  await domain.tables.create('bench', stream, create(SchemaSchema, { columns, time: 'time' }), partitions)
  const topic = `bench.${stream}`
  const within = () => ({ signal: AbortSignal.timeout(600_000), deadline: Date.now() + 600_000 })
  const answer = await use({
    topic,
    async settle() {
      const ranges = await log.ranges(topic)
      const last = ranges.map(({ partition, end }) => ({ topic, partition, offset: end - 1 }))
      await domain.waitUntilQueryable(last, within())
    },
    async counts() {
      const sql = `SELECT count() AS rows, uniqExact(bytes) AS different FROM ${stream}`
      const [found] = await warehouse.rows<{ rows: string; different: string }>({ sql, database: 'bench', ...within() })
      return { rows: Number(found?.rows), different: Number(found?.different) }
    },
  })
  await domain.close()
  await warehouse.close()
  await engine.close()
  directory.remove()
  return answer
}

function store(log: Log, stream: string): Promise<number> {
  return withTable(log, stream, 'warn', async ({ topic, settle }) => {
    const began = performance.now()
    await fill(log, topic)
    await settle()
    return (calls * perCall * partitions) / since(began)
  })
}

/** Each event a number of its own, sent until it is acknowledged, while the broker is killed and started again. */
function restarted(log: Log, kafka: Kafka) {
  return withTable(log, 'restarted', 'fatal', async ({ topic, settle, counts }) => {
    let sent = 0
    let refused = 0
    let awaySeconds = 0
    const send = async (partition: number): Promise<void> => {
      const records = Array.from({ length: perCall }, () => {
        const n = sent++
        const value = `{"time":"2026-10-11T10:00:00.000Z","user":"u","path":"/","method":"GET","status":200,"bytes":${n},"country":"DE"}`
        return { key: hash('md5', String(n), 'buffer'), value, timestamp: Date.now() }
      })
      for (;;) {
        const isDone = await log.append([{ topic, partition, records }]).then(
          () => true,
          () => false,
        )
        if (isDone) return
        refused++
        await sleep(500)
      }
    }
    const third = (calls * perCall * partitions) / 3
    const isUnderWay = (): boolean => sent > third
    const restart = async (): Promise<void> => {
      while (!isUnderWay()) await sleep(10)
      const away = performance.now()
      await kafka.kill()
      await sleep(2_000)
      await kafka.restart()
      awaySeconds = since(away)
    }
    const load = all.map(async (partition) => {
      for (let call = 0; call < calls; call++) await send(partition)
    })
    await Promise.all([...load, restart()])
    await settle()
    const { rows, different } = await counts()
    return { sent, refused, awaySeconds, lost: sent - different, doubled: rows - different }
  })
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
const broker = logs.find(([name]) => name.startsWith('Apache'))?.[1]
if (broker !== undefined && kafka !== undefined) {
  const { sent, refused, awaySeconds, lost, doubled } = await restarted(broker, kafka)
  table('A broker killed in the middle, and started again', [
    ['events', 'away', 'calls sent again', 'lost', 'doubled'],
    [sent.toLocaleString('en'), `${awaySeconds.toFixed(1)} s`, String(refused), String(lost), String(doubled)],
  ])
  if (lost > 0 || doubled > 0) process.exitCode = 1
}
for (const [, log] of logs) await log.close()
await kafka?.stop()
directory.remove()
process.exit()
