import { create } from '@bufbuild/protobuf'
import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { SchemaSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { startEmbeddedWarehouse } from '../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../core/storage/clickhouse/connect.ts'
import { openKafkaLog } from '../../../core/storage/kafka/log.ts'
import type { Claim, Log, Membership } from '../../../core/storage/log.ts'
import { openSqliteLog } from '../../../core/storage/sqlite/log.ts'
import type { Warehouse } from '../../../core/storage/warehouse.ts'
import { createStream, streamLimits } from '../../../core/stream/index.ts'
import type { FailPoint } from '../../../core/stream/deliver.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../../support/servers/kafka.ts'

const directory = temporaryDirectory()
const logger = pino({ level: 'silent' })
const limits = { ...streamLimits, lingerMs: 1, pauseMs: 1 }
const schema = create(SchemaSchema, {
  columns: [
    { name: 'time', type: 'DateTime64(3)' },
    { name: 'n', type: 'Int64' },
  ],
  time: 'time',
})
let engine: Awaited<ReturnType<typeof startEmbeddedWarehouse>>
let warehouse: Warehouse
let log: Log
let logs = 0
let streams = 0
const opened: ReturnType<typeof createStream>[] = []

// Two sinks on one log would both insert.
afterEach(async () => {
  await Promise.all(opened.splice(0).map((domain) => domain.close()))
})
afterAll(() => directory.remove())

function open(
  failPoint?: (at: FailPoint) => void,
  over: Partial<typeof limits> = {},
  behaving: { log?: Partial<Log>; warehouse?: Partial<Warehouse> } = {},
) {
  const domain = createStream({
    log: { ...log, ...behaving.log },
    warehouse: { ...warehouse, ...behaving.warehouse },
    logger,
    limits: { ...limits, ...over },
    ...(failPoint && { failPoint }),
  })
  opened.push(domain)
  return domain
}

async function newStream(domain: ReturnType<typeof open>): Promise<string> {
  const name = `s${streams++}`
  await domain.tables.create('w', name, schema, 1)
  return name
}

const event = (n: number | string, month = '10') => ({
  key: hash('md5', String(n), 'buffer') as Uint8Array,
  value: `{"time":"2026-${month}-11T10:00:00Z","n":${n}}`,
  timestamp: Date.now(),
})

async function settle(domain: ReturnType<typeof open>, stream: string): Promise<void> {
  const [range] = await log.ranges(`w.${stream}`)
  await domain.waitUntilQueryable([{ topic: `w.${stream}`, partition: 0, offset: (range?.end ?? 0) - 1 }], {
    signal: AbortSignal.timeout(20_000),
    deadline: Date.now() + 20_000,
  })
}

async function numbers(table: string): Promise<string[]> {
  const rows = await warehouse.rows<{ n: string }>({
    sql: `SELECT toString(n) AS n FROM ${table} ORDER BY ${table}.n`,
    database: 'w',
    deadline: Date.now() + 5_000,
    signal: AbortSignal.timeout(5_000),
  })
  return rows.map((row) => row.n)
}

describe('the sink', () => {
  takesOver(() => openSqliteLog({ directory: `${directory.path}/log` }))
})

const libraries = kafkaLibraries()
describe.skipIf(libraries === undefined)('the sink on Apache Kafka', () => {
  let kafka: Kafka | undefined
  afterAll(() => kafka?.stop())
  takesOver(async () => {
    kafka = await startKafka({ libraries: libraries ?? '' })
    return openKafkaLog(kafka.options('sink'))
  })
})

/** What holds over any log. */
function takesOver(openLog: () => Promise<Log>): void {
  beforeAll(async () => {
    log = await openLog()
    // Rows are known by their places in one log.
    engine = await startEmbeddedWarehouse({ directory: `${directory.path}/warehouse${logs++}`, log: logger })
    warehouse = connectWarehouse({ ...engine, maxConnections: 8, log: logger })
    const first = open()
    await first.tables.createDatabase('w')
    await first.close()
  }, 90_000)
  afterAll(async () => {
    await log?.close()
    await warehouse?.close()
    await engine?.close()
  })

  test('takes rows into the table with integers exact, and drops and counts repeats', async () => {
    const domain = open()
    const stream = await newStream(domain)
    const records = [event('9007199254740993'), event(1), event(1), event(-2)]
    await log.append([{ topic: `w.${stream}`, partition: 0, records }])
    await settle(domain, stream)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1), event(3)] }])
    await settle(domain, stream)
    expect(await numbers(stream)).toEqual(['-2', '1', '3', '9007199254740993'])
    expect(await domain.repeated('w', stream)).toBe(2)
    expect(await domain.lag('w', stream)).toBe(0)
    await domain.close()
  })

  test('goes on at once where the clock is set back', async () => {
    const domain = open(undefined, { pauseMs: 100 })
    const stream = await newStream(domain)
    const append = (n: number) => log.append([{ topic: `w.${stream}`, partition: 0, records: [event(n)] }])
    await append(1)
    await settle(domain, stream)
    // Until it has looked again, and rests.
    await sleep(500)
    const now = Date.now
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000)
    try {
      await append(2)
      const began = performance.now()
      await settle(domain, stream)
      expect(performance.now() - began).toBeLessThan(5_000)
    } finally {
      clock.mockRestore()
    }
    expect(await numbers(stream)).toEqual(['1', '2'])
  })

  test('recognises repeats across a restart', async () => {
    const first = open()
    const stream = await newStream(first)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1)] }])
    await settle(first, stream)
    await first.close()
    const second = open()
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1), event(2)] }])
    await settle(second, stream)
    expect(await numbers(stream)).toEqual(['1', '2'])
    await second.close()
  })

  test('quarantines exactly the rows that the engine cannot read, and inserts the rest', async () => {
    const domain = open()
    const stream = await newStream(domain)
    const bad = [
      { ...event(100), value: '{"time":"2026-10-11T10:00:00Z","n":"many"}' },
      { ...event(101), value: '{"time":"not a time","n":1}' },
      { ...event(102), value: '[1]' },
    ]
    const records = [event(1), ...bad.slice(0, 1), event(2), event(3), ...bad.slice(1), event(4)]
    await log.append([{ topic: `w.${stream}`, partition: 0, records }])
    await settle(domain, stream)
    await settle(domain, '_quarantine')
    expect(await numbers(stream)).toEqual(['1', '2', '3', '4'])
    const rows = await warehouse.rows<{ text: string; reason: string; state: string }>({
      sql: `SELECT text, reason, state FROM _quarantine WHERE stream = '${stream}' ORDER BY id SETTINGS final = 1`,
      database: 'w',
      deadline: Date.now() + 5_000,
      signal: AbortSignal.timeout(5_000),
    })
    expect(rows.map((row) => row.text).sort()).toEqual(bad.map((record) => record.value).sort())
    expect(rows.every((row) => row.reason !== '' && row.state === 'waiting')).toBe(true)
    await domain.close()
  })

  test.each(['after-plan', 'during-insert', 'before-commit'] as const)(
    'ended %s, goes on where it was: every row once, though batches are cut differently',
    async (at) => {
      let armed = false
      const first = open(
        (point) => {
          if (armed && point === at) throw new Error('ended here')
        },
        { batchRows: 7 },
      )
      const stream = await newStream(first)
      const batch = (from: number) => Array.from({ length: 10 }, (_, i) => event(from + i, i % 2 ? '09' : '10'))
      await log.append([{ topic: `w.${stream}`, partition: 0, records: batch(0) }])
      await settle(first, stream)
      armed = true
      await log.append([{ topic: `w.${stream}`, partition: 0, records: batch(10) }])
      await new Promise((resolve) => setTimeout(resolve, 300))
      await first.close()
      const second = open(undefined, { batchRows: 11 })
      await log.append([{ topic: `w.${stream}`, partition: 0, records: batch(20) }])
      await settle(second, stream)
      expect(await numbers(stream)).toEqual(Array.from({ length: 30 }, (_, i) => String(i)))
      await second.close()
    },
  )

  test('an insert that is half there is completed, not repeated', async () => {
    const first = open((point) => {
      if (point === 'during-insert') throw new Error('ended here')
    })
    const stream = await newStream(first)
    const records = [event(1, '09'), event(2, '10'), event(3, '09'), event(4, '10')]
    await log.append([{ topic: `w.${stream}`, partition: 0, records }])
    await new Promise((resolve) => setTimeout(resolve, 200))
    await first.close()
    await warehouse.insert({
      database: 'w',
      table: stream,
      rows: '{"_partition":0,"_offset":1,"time":"2026-10-11T10:00:00Z","n":2}\n{"_partition":0,"_offset":3,"time":"2026-10-11T10:00:00Z","n":4}',
      hidden: ['_partition', '_offset'],
      token: 'the half that got there',
      settings: { date_time_input_format: 'best_effort' },
    })
    const second = open()
    await settle(second, stream)
    expect(await numbers(stream)).toEqual(['1', '2', '3', '4'])
    await second.close()
  })

  test('a token that the warehouse remembers without its rows does not lose them', async () => {
    // As where its process is killed between the two: it writes the token down first.
    let cut = 0
    const first = open((point) => {
      if (point === 'before-commit' && ++cut > 0) throw new Error('ended here')
    })
    const stream = await newStream(first)
    const records = [event(1, '09'), event(2, '10'), event(3, '09'), event(4, '10')]
    await log.append([{ topic: `w.${stream}`, partition: 0, records }])
    await vi.waitFor(() => expect(cut).toBeGreaterThan(0), { timeout: 10_000 })
    await first.close()
    await warehouse.command(`ALTER TABLE w.${stream} DELETE WHERE n > 1 SETTINGS mutations_sync = 2`)
    expect(await numbers(stream)).toEqual(['1'])
    const second = open()
    await settle(second, stream)
    expect(await numbers(stream)).toEqual(['1', '2', '3', '4'])
    await second.close()
  })

  test('a batch that reaches too many partitions of its table goes in smaller ones, each row once', async () => {
    const months = Array.from({ length: 12 }, (_, month) => String(month + 1).padStart(2, '0'))
    const records = Array.from({ length: 60 }, (_, n) => event(n, months[n % 12]))
    let inserts = 0
    const first = open(
      (at) => {
        if (at === 'before-commit' && ++inserts === 3) throw new Error('ended here')
      },
      { batchPartitions: 5, pauseMs: 1 },
    )
    const stream = await newStream(first)
    // The repeat of one that was decided about with a batch that was then cut.
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [...records, event(59, '12'), event(1, '02')] }])
    await new Promise((resolve) => setTimeout(resolve, 600))
    await first.close()
    const second = open(undefined, { batchPartitions: 5, pauseMs: 1 })
    await settle(second, stream)
    expect(await numbers(stream)).toEqual(Array.from({ length: 60 }, (_, i) => String(i)).toSorted((a, b) => +a - +b))
    expect(await second.repeated('w', stream)).toBe(2)
    await second.close()
  })

  test('rows that a larger batch left behind before it was cut are not repeated', async () => {
    const first = open((point) => {
      if (point === 'during-insert') throw new Error('ended here')
    })
    const stream = await newStream(first)
    const records = ['01', '02', '03', '04', '05', '06'].map((month, n) => event(n, month))
    await log.append([{ topic: `w.${stream}`, partition: 0, records }])
    await new Promise((resolve) => setTimeout(resolve, 200))
    await first.close()
    await warehouse.insert({
      database: 'w',
      table: stream,
      rows: '{"_partition":0,"_offset":5,"time":"2026-06-11T10:00:00Z","n":5}',
      hidden: ['_partition', '_offset'],
      token: 'the part that got there',
      settings: { date_time_input_format: 'best_effort' },
    })
    const second = open(undefined, { batchPartitions: 2 })
    await settle(second, stream)
    expect(await numbers(stream)).toEqual(['0', '1', '2', '3', '4', '5'])
    await second.close()
  })

  test('in a process that has lost its turn writes nothing, and whose turn it is takes every row there once', async () => {
    let isHeld = true
    const join: Log['join'] = (group, { onAssigned }) => {
      const commit: Claim['commit'] = async (one) => {
        if (!isHeld) throw new Error('another process has it')
        await log.commit(group, [one])
      }
      queueMicrotask(onAssigned)
      return { claim: () => ({ isHeld: () => isHeld, commit }), leave: () => Promise.resolve() }
    }
    const first = open(undefined, {}, { log: { join } })
    const stream = await newStream(first)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(0)] }])
    await settle(first, stream)
    isHeld = false
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1), event(2)] }])
    await sleep(300)
    expect(await numbers(stream)).toEqual(['0'])
    const second = open()
    await settle(second, stream)
    expect(await numbers(stream)).toEqual(['0', '1', '2'])
  })

  test('streams that are dropped while they queue hold nobody up', async () => {
    const held = Promise.withResolvers<void>()
    let begun = 0
    const insert: Warehouse['insert'] = async (rows) => {
      begun++
      await held.promise
      await warehouse.insert(rows)
    }
    const domain = open(undefined, { inserts: 2 }, { warehouse: { insert } })
    const streams = [await newStream(domain), await newStream(domain), await newStream(domain), await newStream(domain)]
    const [first, , ...queued] = streams
    for (const stream of streams) {
      await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1)] }])
      await sleep(50)
    }
    await expect.poll(() => begun).toBe(2)
    for (const stream of queued) await domain.tables.drop('w', stream)
    held.resolve()
    await log.append([{ topic: `w.${first}`, partition: 0, records: [event(2)] }])
    await settle(domain, first ?? '')
    expect(await numbers(first ?? '')).toEqual(['1', '2'])
  })

  test('a workspace has one insert under way while another has something to insert', async () => {
    const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const begun: string[] = []
    const insert: Warehouse['insert'] = async (rows) => {
      await held[begun.push(rows.database) - 1]?.promise
      await warehouse.insert(rows)
    }
    const domain = open(undefined, { inserts: 2 }, { warehouse: { insert } })
    await domain.tables.createDatabase('calm')
    const busy = [await newStream(domain), await newStream(domain), await newStream(domain)]
    await domain.tables.create('calm', 's', schema, 1)
    for (const topic of [...busy.map((stream) => `w.${stream}`), 'calm.s']) {
      await log.append([{ topic, partition: 0, records: [event(1)] }])
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(begun).toEqual(['w', 'w'])
    held[0]?.resolve()
    await expect.poll(() => begun.length).toBeGreaterThan(2)
    expect(begun[2]).toBe('calm')
    held[1]?.resolve()
    const [range] = await log.ranges('calm.s')
    await domain.waitUntilQueryable([{ topic: 'calm.s', partition: 0, offset: (range?.end ?? 0) - 1 }], {
      signal: AbortSignal.timeout(20_000),
      deadline: Date.now() + 20_000,
    })
    for (const stream of busy) await settle(domain, stream)
  })

  test('without the recorded plan a batch that is cut differently doubles rows: a token alone does not hold', async () => {
    const domain = open()
    const stream = await newStream(domain)
    const insert = (to: number) =>
      warehouse.insert({
        database: 'w',
        table: stream,
        rows: Array.from({ length: to }, (_, n) => `{"_partition":0,"_offset":${n},"time":0,"n":${n}}`).join('\n'),
        hidden: ['_partition', '_offset'],
        token: `w.${stream}/0/0-${to}`,
      })
    await insert(10)
    await insert(10)
    expect(await numbers(stream)).toHaveLength(10)
    await insert(15)
    expect(await numbers(stream)).toHaveLength(25)
  })

  test('without looking for repeats an event that comes twice is there twice', async () => {
    const domain = open(undefined, { repeatsMs: 0 })
    const stream = await newStream(domain)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1), event(2), event(1)] }])
    await settle(domain, stream)
    expect(await numbers(stream)).toEqual(['1', '1', '2'])
  })

  test('with its commit before its work a batch is lost where it ends between the two', async () => {
    const early: Partial<Log> = {
      // The end of what is planned in the place of its beginning.
      join(group, listener) {
        const membership = log.join(group, listener)
        const claim: Membership['claim'] = (topic, partition) => {
          const mine = membership.claim(topic, partition)
          const commit: Claim['commit'] = async (one) => {
            const { to = one.offset, repeated } = JSON.parse(one.metadata) as { to?: number; repeated: number }
            await mine?.commit({ ...one, offset: to, metadata: JSON.stringify({ repeated }) })
          }
          return mine && { ...mine, commit }
        }
        return { ...membership, claim }
      },
    }
    let tries = 0
    const first = open(
      (at) => {
        if (at !== 'during-insert') return
        tries++
        throw new Error('ended here')
      },
      {},
      { log: early },
    )
    const stream = await newStream(first)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1), event(2)] }])
    await expect.poll(() => tries, { timeout: 10_000 }).toBeGreaterThan(0)
    await first.close()
    const second = open()
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(3)] }])
    await settle(second, stream)
    expect(await numbers(stream)).toEqual(['3'])
  })

  test('knows after a restart what had been taken before it', async () => {
    const first = open()
    const stream = await newStream(first)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1)] }])
    await settle(first, stream)
    await first.close()
    const second = open()
    await settle(second, stream)
    expect(await second.lag('w', stream)).toBe(0)
  })

  test('keeps trying while inserts fail, counts each repeat once, and shows its lag', async () => {
    let failing = true
    const domain = open((at) => {
      if (failing && at === 'during-insert') throw new Error('not now')
    })
    const stream = await newStream(domain)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1), event(1), event(2)] }])
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(await domain.lag('w', stream)).toBe(3)
    failing = false
    await settle(domain, stream)
    expect(await numbers(stream)).toEqual(['1', '2'])
    expect(await domain.repeated('w', stream)).toBe(1)
    expect(await domain.lag('w', stream)).toBe(0)
  })

  test('reads the log again: what the table lacks comes back once, what it has and what was refused stays as it is', async () => {
    const domain = open(undefined, { batchRows: 4 })
    const stream = await newStream(domain)
    const refused = { ...event(100), value: '{"time":"2026-10-11T10:00:00Z","n":"many"}' }
    const records = [...Array.from({ length: 10 }, (_, n) => event(n)), refused, event(3)]
    await log.append([{ topic: `w.${stream}`, partition: 0, records }])
    await settle(domain, stream)
    await settle(domain, '_quarantine')
    const ten = Array.from({ length: 10 }, (_, n) => String(n))
    for (const where of ['n % 3 = 0', '1', 'n = 5']) {
      await warehouse.command(`ALTER TABLE w.${stream} DELETE WHERE ${where} SETTINGS mutations_sync = 2`)
      expect(await domain.replay('w', stream, undefined)).toEqual([{ partition: 0, from: 0, to: 12 }])
      await settle(domain, stream)
      expect(await numbers(stream)).toEqual(ten)
    }
    // The table would take it now.
    await warehouse.command(`ALTER TABLE w.${stream} MODIFY COLUMN n String`)
    await warehouse.command(`TRUNCATE TABLE w.${stream}`)
    await domain.replay('w', stream, { offsets: [{ partition: 0, offset: 7 }] })
    await settle(domain, stream)
    expect(await numbers(stream)).toEqual(['7', '8', '9'])
    expect(await domain.repeated('w', stream)).toBe(1)
    expect(await domain.lag('w', stream)).toBe(0)
  })

  test('reads the log again from a time on, and refuses places where nothing is', async () => {
    const domain = open()
    const stream = await newStream(domain)
    const now = Date.now()
    for (const n of [1, 2, 3]) {
      const records = [{ ...event(n), timestamp: now + 1_000 * n }]
      await log.append([{ topic: `w.${stream}`, partition: 0, records }])
    }
    await settle(domain, stream)
    await warehouse.command(`TRUNCATE TABLE w.${stream}`)
    expect(await domain.replay('w', stream, { timestamp: now + 1_500 })).toEqual([{ partition: 0, from: 1, to: 3 }])
    await settle(domain, stream)
    expect(await numbers(stream)).toEqual(['2', '3'])
    expect(await domain.replay('w', stream, { timestamp: now + 9_000 })).toEqual([])
    for (const [offsets, pointer] of [
      [[{ partition: 0, offset: 4 }], '/offsets/0/offset'],
      [[{ partition: 1, offset: 0 }], '/offsets/0/partition'],
      [[0, 0].map((partition) => ({ partition, offset: 0 })), '/offsets/1/partition'],
    ] as const) {
      const refused = domain.replay('w', stream, { offsets })
      await expect(refused).rejects.toMatchObject({ problem: 'request.invalid', errors: [{ pointer }] })
    }
  })

  test.each(['after-plan', 'during-insert', 'before-commit'] as const)(
    'ended %s while it reads again, it goes on and has each row once',
    async (at) => {
      const whole = open()
      const stream = await newStream(whole)
      const records = Array.from({ length: 30 }, (_, n) => event(n, n % 2 ? '09' : '10'))
      await log.append([{ topic: `w.${stream}`, partition: 0, records }])
      await settle(whole, stream)
      await whole.close()
      await warehouse.command(`ALTER TABLE w.${stream} DELETE WHERE n % 4 < 2 SETTINGS mutations_sync = 2`)
      let passed = 0
      const first = open(
        (point) => {
          if (point === at && ++passed > 1) throw new Error('ended here')
        },
        { batchRows: 7 },
      )
      await first.replay('w', stream, undefined)
      await vi.waitFor(() => expect(passed).toBeGreaterThan(1), { timeout: 10_000 })
      await first.close()
      const second = open(undefined, { batchRows: 11 })
      await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(30), event(7)] }])
      await settle(second, stream)
      expect(await numbers(stream)).toEqual(Array.from({ length: 31 }, (_, n) => String(n)))
      expect(await second.repeated('w', stream)).toBe(1)
    },
  )

  test('does not take a repeat for new whose first has left the log', async () => {
    const domain = open(undefined, { repeatsWindow: 10 })
    const stream = await newStream(domain)
    const topic = `w.${stream}`
    const append = (records: readonly ReturnType<typeof event>[]) => log.append([{ topic, partition: 0, records }])
    const old = { ...event(0), timestamp: 1_000 }
    await append([old])
    const young = [1, 0, ...Array.from({ length: 30 }, (_, n) => n + 2)]
    await append(young.map((n) => ({ ...event(n), timestamp: 2_000 })))
    await settle(domain, stream)
    expect(await numbers(stream)).toHaveLength(32)
    await log.expire({ before: 1_500, groups: ['warehouse'] })
    const start = (await log.ranges(topic))[0]?.start
    expect(start).toBe(1)
    const early = domain.replay('w', stream, { offsets: [{ partition: 0, offset: 1 }] })
    await expect(early).rejects.toMatchObject({ errors: [{ reason: 'must be from 20 to 33' }] })
    expect(await domain.replay('w', stream, undefined)).toEqual([{ partition: 0, from: 20, to: 33 }])
    await settle(domain, stream)
    expect(await numbers(stream)).toHaveLength(32)
    // Nothing of what has left is in the table: the first that is there is the first there is.
    await warehouse.command(`TRUNCATE TABLE w.${stream}`)
    expect(await domain.replay('w', stream, undefined)).toEqual([{ partition: 0, from: 1, to: 33 }])
    await settle(domain, stream)
    expect(await numbers(stream)).toHaveLength(32)
  })

  test('says how far it is behind', async () => {
    let isOpen = false
    const domain = open((at) => {
      if (!isOpen && at === 'after-plan') throw new Error('not now')
    })
    const stream = await newStream(domain)
    const behind = async () => {
      const lags = await domain.lags()
      return lags.find(({ labels }) => labels.group === 'warehouse' && labels.partition === '0')?.value
    }
    await expect.poll(behind).toBe(0)
    // Of no stream: nobody takes it to a table.
    await log.createTopic('w/own', { partitions: 1 })
    await log.append([`w.${stream}`, 'w/own'].map((topic) => ({ topic, partition: 0, records: [event(1), event(2)] })))
    await expect.poll(behind).toBe(2)
    isOpen = true
    await settle(domain, stream)
    await expect.poll(behind).toBe(0)
  })

  test('goes on after a dropped stream, and a stream of the same name begins anew', async () => {
    const domain = open()
    const stream = await newStream(domain)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1)] }])
    await settle(domain, stream)
    await domain.tables.drop('w', stream)
    await domain.tables.create('w', stream, schema, 1)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1), event(2)] }])
    await settle(domain, stream)
    expect(await numbers(stream)).toEqual(['1', '2'])
    await domain.close()
  })

  test('survives the end of the warehouse’s process', async () => {
    const domain = open()
    const stream = await newStream(domain)
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(1)] }])
    await settle(domain, stream)
    process.kill(engine.pid ?? 0, 'SIGKILL')
    await log.append([{ topic: `w.${stream}`, partition: 0, records: [event(2), event(3)] }])
    await settle(domain, stream)
    expect(await numbers(stream)).toEqual(['1', '2', '3'])
    await domain.close()
  })
}
