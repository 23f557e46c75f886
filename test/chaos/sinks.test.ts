import { type ChildProcess, fork } from 'node:child_process'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEmbeddedWarehouse } from '../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../core/storage/clickhouse/connect.ts'
import { openKafkaLog } from '../../core/storage/kafka/log.ts'
import type { Log } from '../../core/storage/log.ts'
import type { Warehouse } from '../../core/storage/warehouse.ts'
import { hiddenSql, shardByPlace } from '../../core/stream/ddl.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import type { MemberTask, Moment, ToMember } from './sink-member.ts'

/**
 * Two processes that take one log to one warehouse. One is killed; another sleeps for longer than its session lasts, at the
 * worst moments of a batch, and then goes on with what is somebody else's by now.
 */
const libraries = kafkaLibraries()
const program = fileURLToPath(new URL('./sink-member.ts', import.meta.url))
const directory = temporaryDirectory()
const logger = pino({ level: 'silent' })
const partitions = 4
let kafka: Kafka
let engine: Awaited<ReturnType<typeof startEmbeddedWarehouse>>
let warehouse: Warehouse
let runs = 0

beforeAll(async () => {
  if (libraries === undefined) return
  kafka = await startKafka({ libraries })
  engine = await startEmbeddedWarehouse({ directory: directory.path, log: logger })
  warehouse = connectWarehouse({ ...engine, maxConnections: 8, log: logger })
}, 90_000)
afterAll(async () => {
  await warehouse?.close()
  await engine?.close()
  await kafka?.stop()
  directory.remove()
})

interface Member {
  readonly child: ChildProcess
  batches(): number
  sleepAt(moment: Moment): void
  end(): Promise<void>
}

function start(task: MemberTask): Member {
  const child = fork(program, [JSON.stringify(task)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  let batches = 0
  child.on('message', (message: { readonly batches: number }) => ({ batches } = message))
  return {
    child,
    batches: () => batches,
    sleepAt: (moment) => void child.send({ sleepAt: moment } satisfies ToMember),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}

const all = Array.from({ length: partitions }, (_, partition) => partition)
const soon = { timeout: 120_000, interval: 50 }

/** Appends numbers to all partitions until it is told to end; answers how many. */
async function load(log: Log, topic: string, over: AbortSignal): Promise<number> {
  let n = 0
  while (!over.aborted) {
    const appends = all.map((partition) => ({
      topic,
      partition,
      records: Array.from({ length: 50 }, () => {
        const text = String(n++)
        const month = n % 2 === 0 ? '09' : '10'
        return {
          key: hash('md5', text, 'buffer'),
          value: `{"time":"2026-${month}-11T10:00:00Z","n":${text}}`,
          timestamp: Date.now(),
        }
      }),
    }))
    await log.append(appends)
    await sleep(40)
  }
  return n
}

/** What two of whom one is killed and one sleeps make of a load; `rows` are those of the table, `sent` of the log. */
async function storm(moment: Moment, tokens = true) {
  const database = `w${runs++}`
  const topic = `${database}.s`
  const options = kafka.options(database)
  await warehouse.command(`CREATE DATABASE ${database}`)
  const made = warehouse.layout.createTable({
    database,
    table: 's',
    ifNotExists: false,
    columns: `time DateTime64(3), n Int64, ${hiddenSql}`,
    engine: 'MergeTree',
    clauses: 'PARTITION BY toYYYYMM(time) ORDER BY n',
    shardBy: shardByPlace,
  })
  for (const sql of made) await warehouse.command(sql)
  const log = await openKafkaLog(options)
  await log.createTopic(topic, { partitions })
  const join = (member: string) => start({ kafka: options, warehouse: engine, member, tokens })
  const members = [join('a'), join('b')]
  const over = new AbortController()
  const loading = load(log, topic, over.signal)
  /** Everything that is there now has been taken. */
  const caughtUp = async () => {
    const ends = await log.ranges(topic)
    const done = async () => {
      const commits = new Map((await log.committed('warehouse', topic)).map((one) => [one.partition, one.offset]))
      return ends.every(({ partition, end }) => (commits.get(partition) ?? 0) >= end)
    }
    await expect.poll(done, soon).toBe(true)
  }
  const works = async (member: Member) => {
    const before = member.batches()
    await expect.poll(() => member.batches(), soon).toBeGreaterThan(before + 3)
  }
  try {
    const [killed, sleeper] = members as [Member, Member]
    await works(killed)
    await works(sleeper)
    await killed.end()
    await caughtUp()
    const next = join('c')
    members.push(next)
    await works(next)
    await works(sleeper)
    sleeper.sleepAt(moment)
    const { pid = 0 } = sleeper.child
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0], soon).toBe('T')
    await caughtUp()
    sleeper.child.kill('SIGCONT')
    // It is one of them again.
    await works(sleeper)
    await works(next)
    over.abort()
    const sent = await loading
    await caughtUp()
    const [found] = await warehouse.rows<{ rows: string; different: string; last: string }>({
      sql: `SELECT count() AS rows, uniqExact(n) AS different, max(n) AS last FROM s`,
      database,
      deadline: Date.now() + 20_000,
      signal: AbortSignal.timeout(20_000),
    })
    return { sent, rows: Number(found?.rows), different: Number(found?.different), last: Number(found?.last) }
  } finally {
    over.abort()
    await loading
    await Promise.all(members.map((member) => member.end()))
    await log.close()
  }
}

describe.skipIf(libraries === undefined)('two sinks on Apache Kafka, one killed and one asleep for too long', () => {
  test.each(['after-plan', 'during-insert', 'sent', 'before-commit'] as const)(
    '%s: every row is there once',
    { timeout: 400_000 },
    async (moment) => {
      const { sent, ...found } = await storm(moment)
      expect(sent).toBeGreaterThan(1_000)
      expect(found).toEqual({ rows: sent, different: sent, last: sent - 1 })
    },
  )

  test('… and would not be if the warehouse did not know an insert again', { timeout: 400_000 }, async () => {
    const { sent, rows, different } = await storm('sent', false)
    expect(different).toBe(sent)
    expect(rows).toBeGreaterThan(sent)
  })
})
