import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OnUnknown } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { sampleData } from '../../support/optional.ts'
import { openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const ndjson = (...rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n')

describe('a plan of events', () => {
  const plan = { name: 'p', requests: 0, windowSeconds: 3_600, events: 5n }
  const sender = (id: string) => ({ id, plan })

  test('is charged each row, and refuses a batch that does not fit as a whole: nothing is written', async () => {
    await world.write('charged', ndjson({ n: 1 }, { n: 2 }), {}, sender('key_1'))
    const refused = world.write('charged', ndjson({ n: 3 }, { n: 4 }, { n: 5 }, { n: 6 }), {}, sender('key_1'))
    await expect(refused).rejects.toMatchObject({ problem: 'limit.cost', status: 429 })
    await world.write('charged', ndjson({ n: 3 }, { n: 4 }, 'bad'), {}, sender('key_1'))
    await expect(world.write('charged', '{"n":5}', {}, sender('key_1'))).rejects.toMatchObject({
      problem: 'limit.cost',
    })
    await world.write('charged', '{"n":5}', {}, sender('key_2'))
    expect(await world.rows('SELECT count() AS rows FROM charged')).toEqual([{ rows: '5' }])
  })

  test('is told how it stands', async () => {
    const { quotas } = await world.write('charged', '{"n":1}', {}, sender('key_4'))
    expect(quotas).toMatchObject([{ name: 'events', limit: 5n, remaining: 4n, windowSeconds: 3_600 }])
    expect((await world.write('charged', '{"n":1}')).quotas).toEqual([])
  })

  test('charges nothing for what was not written, nor makes a stream that it cannot fill', async () => {
    const six = ndjson(...Array.from({ length: 6 }, (_, n) => ({ n })))
    await expect(world.write('unpaid', six, {}, sender('key_3'))).rejects.toMatchObject({ problem: 'limit.cost' })
    await expect(world.get('unpaid')).rejects.toMatchObject({ problem: 'stream.not_found' })
    await world.write('unpaid', six, { dryRun: true }, sender('key_3'))
    await world.write('unpaid', ndjson({ n: 1 }, { n: 2 }, { n: 3 }), { idempotencyKey: 'once' }, sender('key_3'))
    const again = await world.write(
      'unpaid',
      ndjson({ n: 1 }, { n: 2 }, { n: 3 }),
      { idempotencyKey: 'once' },
      sender('key_3'),
    )
    expect(again.replayed).toBe(true)
    await world.write('unpaid', ndjson({ n: 4 }, { n: 5 }), {}, sender('key_3'))
  })
})

describe('a first batch', () => {
  test('makes the stream, says what it inferred, and can be queried once waited for', async () => {
    const written = await world.write(
      'visits',
      ndjson(
        {
          time: '2026-01-02T03:04:05Z',
          path: '/a',
          bytes: 10,
          ok: true,
          geo: { city: 'Ulm', at: { lat: 48.4 } },
          tags: ['x'],
        },
        { time: '2026-01-02T05:04:05.250+02:00', path: '/b', bytes: 2.5, ok: false, geo: { city: 'Bonn' }, tags: [] },
      ),
    )
    expect(written).toMatchObject({ accepted: 2, quarantined: 0, queryable: true, replayed: false })
    expect(written.inferred?.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'time DateTime64(3)',
      'path String',
      'bytes Float64',
      'ok Bool',
      'geo.city String',
      'geo.at.lat Nullable(Float64)',
      'tags Array(String)',
    ])
    expect(written.inferred).toMatchObject({ time: 'time', orderBy: ['time'], onUnknown: OnUnknown.ADD })
    expect(await world.rows('SELECT * FROM visits ORDER BY path')).toEqual([
      {
        time: '2026-01-02 03:04:05.000',
        path: '/a',
        bytes: 10,
        ok: true,
        'geo.city': 'Ulm',
        'geo.at.lat': 48.4,
        tags: ['x'],
      },
      {
        time: '2026-01-02 03:04:05.250',
        path: '/b',
        bytes: 2.5,
        ok: false,
        'geo.city': 'Bonn',
        'geo.at.lat': null,
        tags: [],
      },
    ])
  })

  test('keeps integers past 2^53 exactly', async () => {
    await world.write('big', '{"a":9007199254740993,"b":18446744073709551615}')
    expect(await world.rows('SELECT a, b, toTypeName(b) AS type FROM big')).toEqual([
      { a: '9007199254740993', b: '18446744073709551615', type: 'UInt64' },
    ])
  })

  test('without a good row makes nothing', async () => {
    await expect(world.write('nothing', 'not json\n[1]\n')).rejects.toMatchObject({ problem: 'stream.rejected' })
    await expect(world.get('nothing')).rejects.toMatchObject({ problem: 'stream.not_found' })
  })
})

describe('a bad row', () => {
  test('goes to quarantine with its reason, and the others stand', async () => {
    await world.put({
      name: 'orders',
      schema: {
        columns: [
          { name: 'n', type: 'Int32' },
          { name: 'at', type: 'DateTime' },
        ],
      },
    })
    const written = await world.write(
      'orders',
      '{"n":1,"at":1700000000}\n{"n":"x","at":1700000000}\n{"n":2}\nnope\n{"n":3,"at":1700000000123}',
    )
    expect(written).toMatchObject({ accepted: 2, quarantined: 3 })
    expect(written.errors.map(({ row, column }) => [row, column])).toEqual([
      [1, 'n'],
      [2, 'at'],
      [3, ''],
    ])
    expect(written.errors[0]?.reason).toContain('expected Int32')
    expect(await world.rows('SELECT n, toUnixTimestamp(at) AS at FROM orders ORDER BY n')).toEqual([
      { n: 1, at: 1700000000 },
      { n: 3, at: 1700000000 },
    ])
    const { rows } = await world.quarantine({ stream: 'orders' })
    expect(rows.map(({ text }) => text).sort()).toEqual(['nope', '{"n":"x","at":1700000000}', '{"n":2}'].sort())
  })
})

describe('real requests', () => {
  const file = sampleData('access-log/requests.ndjson')
  test.skipIf(file === undefined)('all 9,999 arrive, equal ones too, and a second sending adds nothing', async () => {
    const body = gzipSync(await readFile(file ?? ''))
    const first = await world.write('requests', body, { contentEncoding: 'gzip', idempotencyKey: 'file-1' })
    expect(first).toMatchObject({ accepted: 9999, quarantined: 0, queryable: true })
    const again = await world.write('requests', body, { contentEncoding: 'gzip', idempotencyKey: 'file-1' })
    expect(again).toMatchObject({ accepted: 9999, replayed: true })
    expect(await world.rows('SELECT count() AS n FROM requests')).toEqual([{ n: '9999' }])
  })
})
