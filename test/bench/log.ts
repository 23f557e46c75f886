/**
 * The event log by itself, embedded and on a broker of Apache Kafka on this machine: records of about 150 bytes appended
 * by as many callers at once as there are partitions, a thousand a call, each durable; and all of them read again.
 *
 *   node test/bench/log.ts [--records 400000] [--rounds 3]
 */
import { hash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { openKafkaLog } from '../../core/storage/kafka/log.ts'
import type { Log } from '../../core/storage/log.ts'
import { openSqliteLog } from '../../core/storage/sqlite/log.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import { median, quantile, table } from './report.ts'

const { values } = parseArgs({
  options: { records: { type: 'string', default: '400000' }, rounds: { type: 'string', default: '3' } },
})
const partitions = 4
const perCall = 1_000
const calls = Math.ceil(Number(values.records) / perCall / partitions)

const batch = Array.from({ length: perCall }, (_, n) => ({
  key: hash('md5', String(n), 'buffer') as Uint8Array,
  value: `{"time":"2026-10-11T10:00:00.000Z","user":"u${n}","path":"/products/${n % 997}","method":"GET","status":200,"bytes":${n * 7},"country":"DE"}`,
  timestamp: Date.now(),
}))

interface Measured {
  readonly appended: number
  readonly read: number
  readonly waitsMs: readonly number[]
}

async function measure(log: Log, topic: string): Promise<Measured> {
  await log.createTopic(topic, { partitions })
  const waitsMs: number[] = []
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  const appending = performance.now()
  await Promise.all(
    all.map(async (partition) => {
      for (let call = 0; call < calls; call++) {
        const began = performance.now()
        await log.append([{ topic, partition, records: batch }])
        waitsMs.push(performance.now() - began)
      }
    }),
  )
  const appended = (calls * perCall * partitions) / ((performance.now() - appending) / 1_000)
  const reading = performance.now()
  let found = 0
  for (const partition of all) {
    for (let from = 0; from < calls * perCall;) {
      const records = await log.read(topic, partition, from, { maxRecords: 50_000, maxBytes: 16 << 20 })
      found += records.length
      from += records.length
    }
  }
  return { appended, read: found / ((performance.now() - reading) / 1_000), waitsMs }
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
    rounds.set(name, [...(rounds.get(name) ?? []), await measure(log, `bench.r${round}`)])
  }
}
const perSecond = (of: readonly number[]) => Math.round(median(of)).toLocaleString('en')
table('The event log', [
  ['log', 'appended/s', 'read/s', 'an append of 1,000, p50', 'p99'],
  ...[...rounds].map(([name, measured]) => {
    const waits = measured.flatMap(({ waitsMs }) => waitsMs)
    return [
      name,
      perSecond(measured.map(({ appended }) => appended)),
      perSecond(measured.map(({ read }) => read)),
      `${quantile(waits, 0.5).toFixed(1)} ms`,
      `${quantile(waits, 0.99).toFixed(1)} ms`,
    ]
  }),
])
for (const [, log] of logs) await log.close()
await kafka?.stop()
directory.remove()
process.exit(0)
