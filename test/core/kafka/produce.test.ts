import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ maxTopics: 3, maxMessages: 5, maxMessageBytes: 1_000, maxBatchBytes: 2_000, maxHeaders: 2 })
})
beforeEach(() => world.next())
afterAll(() => world?.close())

describe('a message', () => {
  test('is where it is said to be, as it was given', async () => {
    const headers = [{ key: 'trace', value: 'ü' }]
    const produced = await world.produce([
      { topic: 't', value: 'a', partition: 2, timestampMs: 5n, headers },
      { topic: 't', value: 'b', key: 'k' },
      { topic: 'u.v-w', value: '', partition: 2 },
      { topic: 't', value: 'c', partition: 2 },
    ])
    expect(produced.map(({ topic, partition, offset }) => [topic, partition, Number(offset)])).toEqual([
      ['t', 2, 0],
      ['t', produced[1]!.partition, produced[1]!.partition === 2 ? 1 : 0],
      ['u.v-w', 2, 0],
      ['t', 2, produced[1]!.partition === 2 ? 2 : 1],
    ])
    const [first] = await world.fetch({ offsets: [{ topic: 't', partition: 2 }] })
    expect(first).toMatchObject({ topic: 't', partition: 2, offset: 0n, timestampMs: 5n, key: '', value: 'a', headers })
    const { partition, offset } = produced[1]!
    const [second] = await world.fetch({ offsets: [{ topic: 't', partition, offset }] })
    expect(second).toMatchObject({ key: 'k', value: 'b', timestampMs: BigInt(world.clock.now) })
  })

  test('of a key goes where those of the key are', async () => {
    const keyed = (key: string) => ({ topic: 't', value: 'x', key })
    const first = await world.produce([keyed('a'), keyed('b'), keyed('c'), keyed('d'), keyed('e')])
    const again = await world.produce([keyed('a'), keyed('b'), keyed('c'), keyed('d'), keyed('e')])
    expect(again.map(({ partition }) => partition)).toEqual(first.map(({ partition }) => partition))
  })

  test.each([
    [{ topic: '', value: '' }, '/0/topic'],
    [{ topic: '..', value: '' }, '/0/topic'],
    [{ topic: 'a/b', value: '' }, '/0/topic'],
    [{ topic: '../other/t', value: '' }, '/0/topic'],
    [{ topic: '_requests', value: '' }, '/0/topic'],
    [{ topic: 'x'.repeat(101), value: '' }, '/0/topic'],
    [{ topic: 't', value: '', partition: 4 }, '/0/partition'],
    [{ topic: 't', value: '', timestampMs: -1n }, '/0/timestamp'],
    [{ topic: 't', value: '', timestampMs: 10n ** 15n }, '/0/timestamp'],
    [{ topic: 't', value: '', headers: [1, 2, 3].map(() => ({ key: 'k', value: 'v' })) }, '/0/headers'],
  ] as const)('that does not hold is refused (%#), which says where', async (message, pointer) => {
    await expect(world.produce([message])).rejects.toMatchObject({ problem: 'request.invalid', errors: [{ pointer }] })
    const there = await world.log.topics()
    for (const { topic } of there.filter((found) => found.topic.startsWith(`${world.workspace()}/`))) {
      expect((await world.log.ranges(topic)).every(({ end }) => end === 0)).toBe(true)
    }
  })

  test('that is too large is refused with all of its batch, as is a batch', async () => {
    const large = { topic: 't', value: 'x'.repeat(990), key: 'k'.repeat(11) }
    await expect(world.produce([{ topic: 't', value: 'a' }, large])).rejects.toMatchObject({
      problem: 'request.too_large',
    })
    const some = Array.from({ length: 3 }, () => ({ topic: 't', value: 'x'.repeat(900) }))
    await expect(world.produce(some)).rejects.toMatchObject({ problem: 'request.too_large' })
    await expect(world.produce([])).rejects.toMatchObject({ problem: 'request.invalid' })
    const many = Array.from({ length: 6 }, () => ({ topic: 't', value: '' }))
    await expect(world.produce(many)).rejects.toMatchObject({ problem: 'request.invalid' })
    expect(await world.topics()).toEqual([])
  })

  test('counts in its producer’s plan', async () => {
    const plan = { name: 'small', events: 3n, windowSeconds: 60 }
    const two = [1, 2].map(() => ({ topic: 't', value: '' }))
    await world.produce(two, { plan })
    await expect(world.produce(two, { plan })).rejects.toMatchObject({ problem: 'limit.cost' })
    await world.produce([{ topic: 't', value: '' }], { plan })
  })
})

describe('a topic', () => {
  test('is made by whoever may, and no more of them than there may be', async () => {
    const message = (topic: string) => [{ topic, value: '' }]
    const writer = { scopes: ['topics:write'] }
    await expect(world.produce(message('t'), writer)).rejects.toMatchObject({ problem: 'resource.not_found' })
    await expect(world.produce(message('t'), { scopes: ['topics:create'] })).rejects.toMatchObject({
      problem: 'auth.scope',
    })
    await Promise.all([1, 2, 3].map(() => world.produce(message('t'))))
    await world.produce(message('t'), writer)
    await world.produce(message('u'))
    await world.produce(message('v.w'))
    await expect(world.produce(message('x'))).rejects.toMatchObject({ problem: 'request.invalid', hint: /Delete one/ })
    await world.deleteTopic('u')
    await expect(world.produce(message('v_w'))).rejects.toMatchObject({ problem: 'resource.exists' })
    expect(await world.topics()).toEqual(['t', 'v.w'])
  })

  test('cannot be called as something else is, and a key may be for one of them', async () => {
    await world.claim('sales', 'query')
    await expect(world.produce([{ topic: 'sales', value: '' }])).rejects.toMatchObject({ problem: 'resource.exists' })
    const one = { scopes: ['topics:write:A.b-c', 'topics:create', 'topics:read:A.b-c'] }
    await world.produce([{ topic: 'A.b-c', value: '' }], one)
    await expect(world.produce([{ topic: 'other', value: '' }], one)).rejects.toMatchObject({ problem: 'auth.scope' })
    await world.produce([{ topic: 'other', value: '' }])
    expect(await world.topics(one)).toEqual(['A.b-c'])
  })

  test('is another workspace’s own, and not there for a key with row filters', async () => {
    await world.produce([{ topic: 't', value: 'mine', partition: 0 }])
    const stranger = { workspace: 'other' }
    const offsets = [{ topic: 't', partition: 0 }]
    expect(await world.topics(stranger)).toEqual([])
    await expect(world.fetch({ offsets }, stranger)).rejects.toMatchObject({ problem: 'resource.not_found' })
    await expect(world.deleteTopic('t', stranger)).rejects.toMatchObject({ problem: 'resource.not_found' })
    await world.produce([{ topic: 't', value: 'theirs', partition: 0 }], stranger)
    expect((await world.fetch({ offsets })).map(({ value }) => value)).toEqual(['mine'])
    const filtered = { filters: [{ stream: 'orders', column: 'region', values: ['eu'] }] }
    await expect(world.fetch({ offsets }, filtered)).rejects.toMatchObject({ problem: 'resource.not_found' })
    await expect(world.produce([{ topic: 't', value: '' }], filtered)).rejects.toMatchObject({
      problem: 'resource.not_found',
    })
    expect(await world.topics(filtered)).toEqual([])
  })

  test('that is deleted begins anew, for those who read it too', async () => {
    const send = (value: string) => world.produce([{ topic: 't', value, partition: 1 }])
    await send('a')
    await send('b')
    expect(await world.values('i')).toEqual(['a', 'b'])
    await world.commit('i')
    await world.deleteTopic('t')
    await expect(world.consume('i')).rejects.toMatchObject({ problem: 'resource.not_found' })
    await send('c')
    expect(await world.committed()).toEqual([-1, -1, -1, -1])
    expect(await world.values('i')).toEqual(['c'])
  })
})

describe('what is produced to the name of a stream', () => {
  beforeEach(() => world.claim('orders', 'stream'))

  test('are its rows, and nothing else beside them', async () => {
    const produced = await world.produce([
      { topic: 'orders', value: '{"n":1}' },
      { topic: 'orders', value: '{"n":2}' },
    ])
    expect(world.rows.splice(0)).toEqual([{ stream: 'orders', rows: ['{"n":1}', '{"n":2}'] }])
    expect(produced.map(({ offset }) => offset)).toEqual([0n, 1n])
    await expect(world.produce([{ topic: 'orders', value: '{}', key: 'k', partition: 0 }])).rejects.toMatchObject({
      problem: 'request.invalid',
      errors: [{ pointer: '/0/key' }, { pointer: '/0/partition' }],
    })
    await expect(
      world.produce([
        { topic: 'orders', value: '{}' },
        { topic: 't', value: '' },
      ]),
    ).rejects.toMatchObject({
      problem: 'request.invalid',
      hint: /requests of their own/,
    })
    expect(world.rows).toEqual([])
  })

  test('needs the scope that events need, and is read by SQL', async () => {
    const message = [{ topic: 'orders', value: '{}' }]
    await world.produce(message, { scopes: ['events:write:orders'] })
    await expect(world.fetch({ offsets: [{ topic: 'orders' }] })).rejects.toMatchObject({
      problem: 'request.invalid',
      message: '`orders` is a stream, which is not read as a topic.',
    })
    await expect(world.consume('i', { topics: ['orders'] })).rejects.toMatchObject({
      errors: [{ reason: 'is a stream' }],
    })
  })
})
