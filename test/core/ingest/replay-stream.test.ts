import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const numbers = async (stream: string): Promise<number[]> =>
  (await world.rows<{ n: string }>(`SELECT n FROM ${stream} ORDER BY n`)).map(({ n }) => Number(n))
const fill = (stream: string, from: number, to: number) =>
  world.write(stream, Array.from({ length: to - from }, (_, i) => `{"n":${from + i}}`).join('\n'))

test('deleted and truncated rows come back, each once, and it is in the audit log', async () => {
  await fill('orders', 0, 10)
  await fill('orders', 10, 20)
  const all = Array.from({ length: 20 }, (_, n) => n)
  await world.deleteRows({ name: 'orders', where: 'n < 7' })
  const answer = await world.readAgain({ name: 'orders' })
  expect(answer.queryable).toBe(true)
  expect(answer.partitions.reduce((sum, { from, to }) => sum + Number(to - from), 0)).toBe(20)
  expect(await numbers('orders')).toEqual(all)
  await world.truncate('orders')
  await world.readAgain({ name: 'orders' })
  expect(await numbers('orders')).toEqual(all)
  expect(await world.audited('replay_stream')).toHaveLength(2)
  expect((await world.get('orders')).statistics).toMatchObject({ rows: 20n, lag: 0n, repeated: 0n })
})

test('what truncates while it is read again has all of it gone', async () => {
  await fill('goods', 0, 10)
  await world.truncate('goods')
  await Promise.all([world.readAgain({ name: 'goods' }), world.truncate('goods')])
  expect([0, 10]).toContain((await numbers('goods')).length)
  await world.truncate('goods')
  expect(await numbers('goods')).toEqual([])
})

test('from a time on, or from offsets, not both', async () => {
  await fill('visits', 0, 5)
  await world.truncate('visits')
  const soon = timestampFromMs(Date.now() + 60_000)
  expect((await world.readAgain({ name: 'visits', time: soon })).partitions).toEqual([])
  expect(await numbers('visits')).toEqual([])
  const both = world.readAgain({ name: 'visits', time: soon, offsets: [{ partition: 0, offset: 0n }] })
  await expect(both).rejects.toMatchObject({ problem: 'request.invalid' })
  await expect(world.readAgain({ name: 'visits', offsets: [{ partition: 9, offset: 0n }] })).rejects.toMatchObject({
    problem: 'request.invalid',
    errors: [{ pointer: '/offsets/0/partition' }],
  })
})

test('is for those who may change the stream and see all of it', async () => {
  await fill('bills', 0, 3)
  const again = (actor: Parameters<typeof world.readAgain>[1]) => world.readAgain({ name: 'bills' }, actor)
  await expect(again({ scopes: ['streams:read', 'events:write'] })).rejects.toMatchObject({ problem: 'auth.scope' })
  await expect(again({ scopes: ['streams:write:orders'] })).rejects.toMatchObject({ problem: 'auth.scope' })
  await expect(again({ workspace: 'other' })).rejects.toMatchObject({ problem: 'stream.not_found' })
  await expect(world.readAgain({ name: '_audit' })).rejects.toMatchObject({ problem: 'request.invalid' })
  const filters = [{ stream: 'bills', column: 'n', values: ['1'] }]
  await expect(again({ filters })).rejects.toMatchObject({ problem: 'auth.scope' })
})
