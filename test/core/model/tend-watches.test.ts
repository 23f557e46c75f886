import { create, toJson } from '@bufbuild/protobuf'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { migrations as auditMigrations } from '../../../core/audit/index.ts'
import { entries } from '../../../core/audit/schema.ts'
import { trainAnomaly } from '../../../core/model/anomaly/train.ts'
import type { AlarmEvent } from '../../../core/ingest/index.ts'
import type { ModelDeps } from '../../../core/model/deps.ts'
import { writeArtefact } from '../../../core/model/forecast/artefact.ts'
import { migrations, modelLimits } from '../../../core/model/index.ts'
import { beginningOf } from '../../../core/model/look.ts'
import { artefactKey, getReady } from '../../../core/model/names.ts'
import { createRandom } from '../../../core/model/random.ts'
import { keyOf } from '../../../core/model/series/groups.ts'
import { insertVersion, upsertModel } from '../../../core/model/store.ts'
import { findWatch, upsertWatch } from '../../../core/model/store-watches.ts'
import { createWatching, type Watching } from '../../../core/model/tend-watches.ts'
import { freshControl } from '../../support/control.ts'

const hourMs = 3_600_000
const begin = Date.UTC(2026, 0, 5)
const trained = 24 * 28
const shops = ['north', 'south']
const random = createRandom(3)
const noise = Array.from({ length: 2_000 }, () => random() + random() - 1)

interface Point {
  readonly timeMs: number
  readonly shop: string
  readonly value: number
}

/** A day's rhythm; what stands still has no customers. */
function point(shop: string, n: number, standsStill: (n: number) => boolean = () => false): Point {
  const value = standsStill(n) ? 0 : 100 + 40 * Math.sin((2 * Math.PI * n) / 24) + 5 * noise[n]!
  return { timeMs: begin + n * hourMs, shop, value }
}

/** Rows from an hour to another, of both shops; the north stands still in the morning of its third day, and again on the tenth. */
function hours(from: number, to: number): Point[] {
  const still = (n: number): boolean => [48, 49, 50, 216].includes(n - trained)
  return Array.from({ length: to - from }, (_, at) => [
    point('north', from + at, still),
    point('south', from + at),
  ]).flat()
}

const store = await freshControl([auditMigrations, migrations])
afterAll(() => store.close())
const { db } = store
const files = new Map<string, Uint8Array>()
const owner = create(ActorSchema, { workspace: 'main', id: 'key_owner', scopes: ['sql:read'] })

let rows: Point[] = []
let told: AlarmEvent[][] = []
let clock = 0
let ended = false
let failing: Error | undefined
let crashing = false
let watching: Watching

function depsOf(limits: Partial<ModelDeps['limits']> = {}): ModelDeps {
  return {
    db,
    objects: { get: async (key: string) => files.get(key) } as ModelDeps['objects'],
    jobs: {} as ModelDeps['jobs'],
    reading: {
      describeSql: async () => [
        { name: 'time', type: "DateTime64(3, 'UTC')" },
        { name: 'shop', type: 'String' },
        { name: 'value', type: 'Float64' },
        { name: 'other', type: 'Array(String)' },
      ],
      async readRows(_, { rest = '' }) {
        if (failing !== undefined) throw failing
        const [, from, limit] = /toInt64\((\d+)\).* LIMIT (\d+)$/.exec(rest) ?? []
        const found = rows.filter(({ timeMs }) => timeMs >= Number(from)).toSorted((a, b) => a.timeMs - b.timeMs)
        return { total: 0, share: 1, body: encoded(found.slice(0, Number(limit))) }
      },
    },
    appendPredictions: async () => undefined,
    onServedDropped: () => undefined,
    onShadowSkipped: () => undefined,
    code: 'test',
    log: pino({ level: 'silent' }),
    limits: { ...modelLimits, ...limits },
    ownerNow: async (actor) => (ended ? undefined : actor),
    async writeAlarms(_, alarms) {
      told.push([...alarms])
      if (crashing) throw new Failure('warehouse.restarted', 'It went away.')
    },
    now: () => clock,
  }
}

/** RowBinary: a Float64, a String of less than 128 bytes, a Float64. */
async function* encoded(points: readonly Point[]): AsyncGenerator<Uint8Array> {
  for (const { timeMs, shop, value } of points) {
    const row = Buffer.alloc(17 + shop.length)
    row.writeDoubleLE(timeMs, 0)
    row.writeUInt8(shop.length, 8)
    row.write(shop, 9)
    row.writeDoubleLE(value, 9 + shop.length)
    yield row
  }
}

/** Version n, trained from the hours up to one. */
async function version(n: number, until: number, sql = 'SELECT'): Promise<void> {
  const groups = shops.map((shop) => {
    const own = hours(0, until).filter((one) => one.shop === shop)
    const times = Float64Array.from(own, ({ timeMs }) => timeMs)
    return { key: keyOf([shop]), times, values: Float64Array.from(own, ({ value }) => value) }
  })
  const { bytes, sha256 } = writeArtefact(trainAnomaly({ groups }))
  files.set(artefactKey(sha256), bytes)
  const definition = { sql, target: 'value', orderBy: 'time', groupBy: ['shop'], options: {} }
  const of = { workspace: 'main', name: 'odd', definition, createdAt: new Date(clock) }
  await db.transaction(async (tx) => {
    await insertVersion(tx, {
      ...of,
      version: n,
      status: 'ready',
      job: '',
      sha256,
      bytes: bytes.length,
      engine: 'anomaly',
      card: {},
      beatsBaseline: true,
    })
    await upsertModel(tx, { ...of, live: n, previous: null, newest: n, everyMs: null, logShare: 0 })
  })
}

async function watch(): Promise<void> {
  const beginning = await beginningOf(depsOf(), (await getReady(db, 'main', 'odd', 0)).version)
  const at = new Date(clock)
  await db.transaction((tx) =>
    upsertWatch(tx, {
      workspace: 'main',
      model: 'odd',
      everyMs: 60_000,
      status: 'watching',
      ...beginning,
      toldMs: 0,
      alarms: 0,
      failures: 0,
      reason: '',
      owner: toJson(ActorSchema, owner),
      requestId: '',
      createdAt: at,
      dueAt: at,
    }),
  )
}

/** Looks until nothing is due, and a minute goes by. */
async function look(): Promise<void> {
  await watching.tend()
  await vi.waitFor(async () => expect((await current()).dueAt.getTime()).toBeGreaterThan(clock), { timeout: 5_000 })
  clock += 60_000
}

const current = async () => (await findWatch(db, 'main', 'odd'))!
const heard = () => told.flat().map(({ series, timeMs }) => [series['shop'], (timeMs - begin) / hourMs - trained])

beforeAll(async () => {
  clock = begin + 2_000 * hourMs
  await version(1, trained)
})
beforeEach(async () => {
  ;[rows, told, ended, failing, crashing] = [hours(0, trained), [], false, undefined, false]
  clock = begin + 2_000 * hourMs
  watching = createWatching(depsOf())
  await watch()
})
afterEach(() => watching.close())

describe('a watch', () => {
  test('tells what is out of the ordinary in what came since, once', async () => {
    await look()
    expect(told).toEqual([])
    rows = hours(0, trained + 240)
    await look()
    expect(heard()).toEqual([
      ['north', 48],
      ['north', 216],
    ])
    const [alarm] = told.flat()
    expect(alarm).toMatchObject({ model: 'odd', version: 1, value: 0 })
    expect(alarm!.score).toBeLessThan(-3)
    expect(alarm!.low).toBeGreaterThan(0)
    await look()
    expect(told).toHaveLength(1)
    expect(await current()).toMatchObject({ alarms: 2, failures: 0, seenMs: begin + (trained + 239) * hourMs })
  })

  test('says the same in many looks as in one, also where there are more rows than one reads', async () => {
    await watching.close()
    watching = createWatching(depsOf({ maxWatchedRows: 60 } as object))
    for (let hour = 0; hour < 240; hour += 80) {
      rows = hours(0, trained + hour + 80)
      await look()
    }
    expect(heard()).toEqual([
      ['north', 48],
      ['north', 216],
    ])
  })

  test('waits until a step is over: what is still being filled has too little in it', async () => {
    rows = [...hours(0, trained + 10), { timeMs: begin + (trained + 10) * hourMs, shop: 'north', value: 1 }]
    clock = begin + (trained + 10) * hourMs + hourMs / 2
    await watch()
    await look()
    expect(told).toEqual([])
    rows = hours(0, trained + 11)
    clock += hourMs
    await look()
    expect(told).toEqual([])
    expect((await current()).seenMs).toBe(begin + (trained + 10) * hourMs)
  })

  test('tells the same again after a crash that kept it from writing down that it did', async () => {
    rows = hours(0, trained + 60)
    crashing = true
    await look()
    expect(await current()).toMatchObject({ alarms: 0, reason: 'It went away.', status: 'watching' })
    crashing = false
    await look()
    expect(told).toHaveLength(2)
    expect(told[1]).toEqual(told[0])
    expect(await current()).toMatchObject({ alarms: 1, failures: 0, reason: '' })
  })

  test('goes on with the next version from where that was trained to, and tells nothing twice', async () => {
    rows = hours(0, trained + 100)
    await look()
    await version(2, trained + 20)
    rows = hours(0, trained + 240)
    await look()
    expect(heard()).toEqual([
      ['north', 48],
      ['north', 216],
    ])
    expect(told.map(([first]) => first!.version)).toEqual([1, 2])
    expect(await current()).toMatchObject({ version: 2 })
  })

  test('is paused once its owner may not come any more, and says so in the audit log', async () => {
    rows = hours(0, trained + 60)
    ended = true
    await look()
    expect(told).toEqual([])
    expect(await current()).toMatchObject({ status: 'paused', reason: '`key_owner`, who asked for it, has ended.' })
    const written = await db.select().from(entries)
    expect(written.at(-1)).toMatchObject({ action: 'pause_watch', resource: 'model/odd', actor: 'system' })
  })

  test('is paused where its query fails again and again, but not by what passes', async () => {
    failing = new Failure('warehouse.restarted', 'It went away.')
    for (let n = 0; n < 5; n++) await look()
    expect(await current()).toMatchObject({ status: 'watching', failures: 0, reason: 'It went away.' })
    failing = new Failure('query.unknown_column', 'There is no column `value`.')
    for (let n = 0; n < 3; n++) await look()
    expect(await current()).toMatchObject({ status: 'paused', reason: 'There is no column `value`.' })
  })

  test('does not run what somebody else wrote since with the rights of who set it', async () => {
    await version(3, trained, 'SELECT something else')
    rows = hours(0, trained + 60)
    await look()
    expect(told).toEqual([])
    const reason = 'The query of `odd` is another one than when the watch was set.'
    expect(await current()).toMatchObject({ status: 'paused', reason })
    await watch()
    await look()
    expect(heard()).toEqual([['north', 48]])
  })
})
