import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { idDigest, partitionOf } from '../../../core/ingest/identity.ts'
import { openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.put({
    name: 'orders',
    schema: {
      columns: [
        { name: 'n', type: 'Int64' },
        { name: 's', type: 'Nullable(String)' },
      ],
    },
  })
})
afterAll(() => world.close())

const waiting = async (stream = 'orders') => (await world.quarantine({ stream })).rows

describe('the quarantine', () => {
  test('shows what was just refused, as it came, page by page', async () => {
    await world.write('orders', '{"n":"1"}\n{"n":"x"}\n\u0000"\\ud800\n{"n":"y"}\n{"n":1.5}', { wait: false })
    const first = await world.quarantine({ stream: 'orders', limit: 3 })
    const second = await world.quarantine({ stream: 'orders', limit: 3, cursor: first.nextCursor })
    const texts = [...first.rows, ...second.rows].map(({ text }) => text)
    expect(texts.sort()).toEqual(['{"n":"x"}', '\u0000"\\ud800', '{"n":"y"}', '{"n":1.5}'].sort())
    expect(second.nextCursor).toBe('')
    await expect(world.quarantine({ stream: 'orders', cursor: '!' })).rejects.toMatchObject({
      problem: 'request.invalid',
    })
    await expect(world.quarantine({ stream: 'nope' })).rejects.toMatchObject({ problem: 'stream.not_found' })
  })

  test('a mended row goes to the stream and leaves; one that is still bad stays', async () => {
    const rows = await waiting()
    const idOf = (text: string) => rows.find((row) => row.text === text)?.id ?? ''
    const mends = [
      { id: idOf('{"n":"x"}'), text: '{"n":9007199254740993,"s":"mended"}' },
      { id: idOf('{"n":1.5}'), text: '' },
      { id: 'q_unknown', text: '{"n":1}' },
    ]
    const replayed = await world.replay({ stream: 'orders', rows: mends })
    expect(replayed.accepted).toBe(1)
    expect(replayed.errors.map(({ row, column }) => [row, column])).toEqual([
      [1, 'n'],
      [2, ''],
    ])
    expect(await world.rows("SELECT n FROM orders WHERE s = 'mended'")).toEqual([{ n: '9007199254740993' }])
    expect((await waiting()).map(({ text }) => text)).not.toContain('{"n":"x"}')
    // Again, and twice at once: the row is there once.
    await Promise.all([
      world.replay({ stream: 'orders', rows: mends.slice(0, 1) }),
      world.replay({ stream: 'orders', rows: mends.slice(0, 1) }),
    ])
    expect(await world.rows("SELECT count() AS n FROM orders WHERE s = 'mended'")).toEqual([{ n: '1' }])
  })

  test('a row with an id that only the sink refused is mended all the same: it is no repeat of itself', async () => {
    await world.put({
      name: 'visits',
      schema: {
        columns: [
          { name: 'id', type: 'String' },
          { name: 'n', type: 'Int64' },
        ],
        id: 'id',
      },
    })
    await world.write('visits', '{"id":"a","n":1}')
    // What the door let through, and the engine cannot read: it is put into the log behind the door's back.
    const key = idDigest('main.visits', 'b')
    const value = '{"id":"b","n":"many"}'
    await world.log.append([
      { topic: 'main.visits', partition: partitionOf(key, 4), records: [{ key, value, timestamp: Date.now() }] },
    ])
    await expect.poll(() => waiting('visits'), { timeout: 10_000 }).toMatchObject([{ text: value }])
    const [row] = await waiting('visits')
    const mend = { id: row?.id ?? '', text: '{"id":"b","n":2}' }
    expect(await world.replay({ stream: 'visits', rows: [mend] })).toMatchObject({ accepted: 1 })
    expect(await world.rows('SELECT id, n FROM visits ORDER BY id')).toEqual([
      { id: 'a', n: '1' },
      { id: 'b', n: '2' },
    ])
    expect(await waiting('visits')).toEqual([])
  })

  test('sending rows again is charged to a plan of events, and what does not fit stays', async () => {
    await world.put({ name: 'paid', schema: { columns: [{ name: 'n', type: 'Int64' }] } })
    await world.write('paid', '{"n":"a"}\n{"n":"b"}')
    const rows = (await waiting('paid')).map(({ id }, n) => ({ id, text: `{"n":${n}}` }))
    const plan = (events: bigint) => ({ id: 'key_p', plan: { name: 'p', requests: 0, windowSeconds: 3_600, events } })
    await expect(world.replay({ stream: 'paid', rows }, plan(1n))).rejects.toMatchObject({ problem: 'limit.cost' })
    expect(await waiting('paid')).toHaveLength(2)
    expect(await world.replay({ stream: 'paid', rows: rows.slice(1) }, plan(1n))).toMatchObject({ accepted: 1 })
    const last = { stream: 'paid', rows: rows.slice(0, 1) }
    await expect(world.replay(last, plan(1n))).rejects.toMatchObject({ problem: 'limit.cost' })
    expect(await world.replay(last)).toMatchObject({ accepted: 1 })
  })

  test('rows are given up by id, or all', async () => {
    const [row] = await waiting()
    expect(await world.discard({ stream: 'orders', ids: [row?.id ?? ''] })).toMatchObject({ discarded: 1 })
    expect(await waiting()).toHaveLength(2)
    expect((await world.get('orders')).statistics?.quarantined).toBe(2n)
    expect(await world.discard({ stream: 'orders' })).toMatchObject({ discarded: 2 })
    expect(await waiting()).toHaveLength(0)
  })

  test('is only for those who may', async () => {
    const scopes = ['quarantine:read:orders']
    await world.quarantine({ stream: 'orders' }, { scopes })
    await expect(world.discard({ stream: 'orders' }, { scopes })).rejects.toMatchObject({ problem: 'auth.scope' })
    await expect(world.quarantine({ stream: 'other' }, { scopes })).rejects.toMatchObject({ problem: 'auth.scope' })
  })
})

describe('usage', () => {
  test('lands in the _requests of each workspace, from edges only', async () => {
    const event = {
      timeMs: BigInt(Date.now()),
      requestId: 'r1',
      method: 'GET',
      route: '/v1/sql',
      status: 200,
      durationUs: 1500n,
      actor: 'key_1',
    }
    const events = [
      { ...event, workspace: 'main' },
      { ...event, workspace: 'second' },
      { ...event, workspace: '../x' },
    ]
    await expect(world.usage({ events })).rejects.toMatchObject({ problem: 'auth.scope' })
    await world.usage({ events }, { scopes: ['internal:edge'] })
    const rows = async (workspace: string) =>
      world.rows('SELECT request_id, duration_ms, status FROM _requests', workspace)
    await expect.poll(() => rows('main')).toEqual([{ request_id: 'r1', duration_ms: 1.5, status: 200 }])
    await expect.poll(() => rows('second')).toHaveLength(1)
  })
})
