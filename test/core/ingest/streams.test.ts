import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OnUnknown } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { everyScope, openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const filtered = (stream: string) => ({ scopes: everyScope, filters: [{ stream, column: 'a', values: ['1'] }] })

describe('declaring', () => {
  test('makes a stream; the same again changes nothing; more columns are added in place', async () => {
    const columns = [
      { name: 'at', type: 'DateTime64(3)' },
      { name: 'n', type: 'Int64', pii: true },
    ]
    const made = await world.put({
      name: 'decl',
      schema: { columns, partitionBy: 'toYYYYMMDD(at)', ttl: '90 days', onUnknown: OnUnknown.IGNORE },
    })
    expect(made).toMatchObject({
      version: 1,
      schema: { time: 'at', orderBy: ['at'], partitionBy: 'toYYYYMMDD(at)', ttl: '90 DAY' },
    })
    expect((await world.put({ name: 'decl', schema: { columns } })).version).toBe(1)
    const wider = [...columns, { name: 'tag', type: 'Nullable(String)' }]
    expect(await world.put({ name: 'decl', schema: { columns: wider }, dryRun: true })).toMatchObject({ version: 2 })
    expect((await world.get('decl')).version).toBe(1)
    expect(await world.put({ name: 'decl', schema: { columns: wider }, ifVersion: 1 })).toMatchObject({ version: 2 })
    await expect(world.put({ name: 'decl', schema: { columns: wider }, ifVersion: 1 })).rejects.toMatchObject({
      problem: 'request.precondition',
    })
    await world.write('decl', `{"at":${Date.now()},"n":1,"tag":"x","other":true}`)
    expect(await world.rows('SELECT n, tag FROM decl')).toEqual([{ n: '1', tag: 'x' }])
    expect(await world.reopen().get('decl')).toMatchObject({ version: 2, statistics: { rows: 1n, lag: 0n } })
  })

  test('anything but adding is refused, place by place', async () => {
    const failure = world.put({ name: 'decl', schema: { columns: [{ name: 'n', type: 'String' }], orderBy: ['n'] } })
    await expect(failure).rejects.toMatchObject({
      problem: 'stream.schema',
      errors: [
        { pointer: '/columns/n/type' },
        { pointer: '/columns/at' },
        { pointer: '/columns/tag' },
        { pointer: '/order_by' },
      ],
    })
  })

  test('names every mistake', async () => {
    const failure = world.put({
      name: 'bad',
      schema: {
        columns: [
          { name: '_x', type: 'Int8' },
          { name: 'a', type: 'Strin' },
          { name: 'b', type: 'Nullable(Int8)' },
          { name: 'b', type: 'Int8' },
          { name: 'c`d', type: 'Int8' },
        ],
        orderBy: ['b', 'q'],
        partitionBy: 'sleep(b)',
        ttl: '1 DAY SETTINGS x=1',
        id: 'b',
      },
    })
    const error = await failure.catch((thrown: unknown) => thrown as { errors: { pointer: string }[] })
    expect((error as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)).toEqual([
      '/columns/0/name',
      '/columns/1/type',
      '/columns/3/name',
      '/columns/4/name',
      '/id',
      '/order_by/0',
      '/order_by/1',
      '/partition_by',
      '/ttl',
    ])
    for (const name of ['_requests', 'Upper', '1a', 'a-b', '']) {
      await expect(world.put({ name, schema: { columns: [{ name: 'a', type: 'Int8' }] } })).rejects.toMatchObject({
        problem: 'request.invalid',
      })
    }
  })
})

describe('making a stream', () => {
  test('that the engine refuses leaves nothing behind', async () => {
    const columns = [{ name: 't', type: "DateTime('europe/berlin')" }]
    await expect(world.put({ name: 'zoned', schema: { columns } })).rejects.toMatchObject({ problem: 'stream.schema' })
    await expect(world.get('zoned')).rejects.toMatchObject({ problem: 'stream.not_found' })
    expect(
      await world.put({ name: 'zoned', schema: { columns: [{ name: 't', type: "DateTime('Europe/Berlin')" }] } }),
    ).toMatchObject({ version: 1 })
    await expect(
      world.put({
        name: 'zoned',
        schema: {
          columns: [{ name: 't', type: "DateTime('Europe/Berlin')" }, ...columns.map((c) => ({ ...c, name: 'u' }))],
        },
      }),
    ).rejects.toMatchObject({ problem: 'stream.schema' })
    expect(await world.reopen().get('zoned')).toMatchObject({ version: 1, schema: { columns: [{ name: 't' }] } })
  })
  test('that was cut short is finished by whoever comes next', async () => {
    const dies = () => Promise.reject(new Error('the process died'))
    const dying = world.reopen({ create: dies, drop: dies })
    const columns = [{ name: 'a', type: 'Int64' }]
    await expect(dying.put({ name: 'half', schema: { columns } })).rejects.toThrow('died')
    expect(await world.reopen().write('half', '{"a":1}')).toMatchObject({ accepted: 1, queryable: true })
    await expect(world.reopen({ addColumns: dies }).write('half', '{"a":1,"b":2}')).rejects.toThrow('died')
    expect(await world.reopen().write('half', '{"a":1,"b":3}')).toMatchObject({ accepted: 1 })
    expect(await world.rows('SELECT sum(b) AS s FROM half')).toEqual([{ s: '3' }])
  })
})

describe('an unknown field', () => {
  test('becomes a column, for all who write at once', async () => {
    await world.write('wide', '{"a":1}')
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => world.write('wide', `{"a":${i},"f${i % 4}":${i},"z":{"y":"${i}"}}`)),
    )
    expect(answers.every(({ accepted }) => accepted === 1)).toBe(true)
    const { schema } = await world.get('wide')
    expect(schema?.columns.map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
      'a Int64',
      'f0 Nullable(Int64)',
      'f1 Nullable(Int64)',
      'f2 Nullable(Int64)',
      'f3 Nullable(Int64)',
      'z.y Nullable(String)',
    ])
    expect(await world.rows('SELECT count() AS n, sum(f1) AS s, uniq(z.y) AS u FROM wide')).toEqual([
      { n: '9', s: '6', u: '8' },
    ])
  })
  test('of a refused row becomes none, and a bad name is a bad row', async () => {
    const written = await world.write('wide', '{"a":"x","new":1}\n{"a":1,"_sys":1}\n{"a":1,"b`c":1}')
    expect(written).toMatchObject({ accepted: 0, quarantined: 3 })
    expect((await world.get('wide')).schema?.columns.some(({ name }) => name === 'new')).toBe(false)
  })
  test('a dry run says what it would become and writes nothing', async () => {
    const written = await world.write('wide', '{"a":1,"fresh":true}', { dryRun: true })
    expect(written.inferred?.columns.at(-1)).toMatchObject({ name: 'fresh', type: 'Nullable(Bool)' })
    expect((await world.get('wide')).schema?.columns.some(({ name }) => name === 'fresh')).toBe(false)
  })
})

describe('conflicts within a first batch', () => {
  test('the kind of most rows wins, the others are refused', async () => {
    const written = await world.write('mixed', '{"v":1}\n{"v":"x"}\n{"v":2}')
    expect(written).toMatchObject({ accepted: 2, quarantined: 1 })
    expect(written.inferred?.columns).toMatchObject([{ name: 'v', type: 'Int64' }])
  })
  test('strict writes nothing, not even the stream', async () => {
    await expect(world.write('mixed2', '{"v":1}\n{"v":"x"}\n{"v":2}', { strict: true })).rejects.toMatchObject({
      problem: 'stream.rejected',
      errors: [{ pointer: '/1/v' }],
    })
    await expect(world.get('mixed2')).rejects.toMatchObject({ problem: 'stream.not_found' })
  })
})

describe('who may what', () => {
  test('without streams:create an unknown stream is not found', async () => {
    await expect(world.write('unknown1', '{"a":1}', {}, { scopes: ['events:write'] })).rejects.toMatchObject({
      problem: 'stream.not_found',
    })
    await expect(world.write('wide', '{"a":1}', {}, { scopes: ['events:write:other'] })).rejects.toMatchObject({
      problem: 'auth.scope',
    })
    await expect(world.write('_requests', '{"a":1}')).rejects.toMatchObject({ problem: 'request.invalid' })
  })
  test('another workspace’s stream does not exist', async () => {
    await expect(world.get('wide', { workspace: 'other' })).rejects.toMatchObject({ problem: 'stream.not_found' })
    expect((await world.list({}, { workspace: 'other' })).streams).toEqual([])
  })
  test('for a key with filters there are only the streams that it has one for, and no quarantine', async () => {
    expect((await world.list({}, filtered('wide'))).streams.map(({ name }) => name)).toEqual(['wide'])
    await expect(world.get('mixed', filtered('wide'))).rejects.toMatchObject({ problem: 'stream.not_found' })
    expect((await world.get('wide', filtered('wide'))).statistics).toBeUndefined()
    await expect(world.write('mixed', '{"v":1}', {}, filtered('wide'))).rejects.toMatchObject({
      problem: 'stream.not_found',
    })
    await expect(world.quarantine({ stream: 'wide' }, filtered('wide'))).rejects.toMatchObject({
      problem: 'auth.scope',
    })
  })
  test('a narrowed scope lists what it names, page by page', async () => {
    const scopes = ['streams:read:wide', 'streams:read:mixed']
    const first = await world.list({ limit: 1 }, { scopes })
    expect([first.streams.map(({ name }) => name), first.nextCursor]).toEqual([['mixed'], 'mixed'])
    const second = await world.list({ limit: 1, cursor: first.nextCursor }, { scopes })
    expect([second.streams.map(({ name }) => name), second.nextCursor]).toEqual([['wide'], ''])
  })
})

describe('dropping', () => {
  test('truncating keeps the schema; deleting frees the name for another schema, while others write', async () => {
    await world.write('gone', '{"a":1}\n{"a":2}')
    await world.truncate('gone')
    expect((await world.get('gone')).statistics?.rows).toBe(0n)
    const writing = Promise.allSettled(
      Array.from({ length: 20 }, () => world.write('gone', '{"a":3}', {}, { scopes: ['events:write'] })),
    )
    await world.drop('gone')
    for (const result of await writing) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ problem: 'stream.not_found' })
    }
    await expect(world.get('gone')).rejects.toMatchObject({ problem: 'stream.not_found' })
    await world.write('gone', '{"a":"text"}')
    expect(await world.rows('SELECT a FROM gone')).toEqual([{ a: 'text' }])
  })
})
