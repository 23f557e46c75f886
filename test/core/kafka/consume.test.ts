import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ConsumeRequest_Reset as Reset } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ maxGroups: 3, maxInstances: 3, maxRead: 8 })
})
beforeEach(() => world.next())
afterAll(() => world?.close())

const byHand = { autoCommit: false }

/** One message in each partition: `name0` to `name3`. */
async function fill(name = 'm', topic = 't'): Promise<void> {
  await world.produce([0, 1, 2, 3].map((partition) => ({ topic, partition, value: `${name}${partition}` })))
}

describe('a group', () => {
  test('begins where it says, and an instance is given each message once', async () => {
    await fill()
    expect(await world.values('late', { group: 'h', reset: Reset.LATEST })).toEqual([])
    await expect(world.consume('i', { group: 'k', reset: Reset.NONE })).rejects.toMatchObject({
      problem: 'request.invalid',
      errors: [{ pointer: 'Kafka-Auto-Offset-Reset' }],
    })
    expect(await world.values('i')).toEqual(['m0', 'm1', 'm2', 'm3'])
    expect(await world.values('i')).toEqual([])
    await fill('n')
    expect(await world.values('i')).toEqual(['n0', 'n1', 'n2', 'n3'])
    expect(await world.values('late', { group: 'h', reset: Reset.LATEST })).toEqual(['n0', 'n1', 'n2', 'n3'])
  })

  test('shares the partitions among its instances, those who come and those who go', async () => {
    await fill()
    await world.consume('a')
    await world.commit('a')
    await world.consume('b')
    await fill('n')
    const [a, b] = [await world.values('a'), await world.values('b')]
    expect([a.length, b.length]).toEqual([2, 2])
    expect([...a, ...b].sort()).toEqual(['n0', 'n1', 'n2', 'n3'])
    expect(await world.consumers()).toEqual([
      [
        'g',
        [
          ['a', 2],
          ['b', 2],
        ],
      ],
    ])
    await world.remove('b')
    await fill('o')
    expect(await world.values('a')).toEqual(['o0', 'o1', 'o2', 'o3'])
    expect(await world.consumers()).toEqual([['g', [['a', 4]]]])
  })

  test('gives to the others what an instance that is silent did not commit', async () => {
    await fill()
    expect(await world.values('a', byHand)).toEqual(['m0', 'm1', 'm2', 'm3'])
    await world.commit('a', [{ topic: 't', partition: 1, offset: 1n }])
    world.clock.now += 9_000
    await world.consume('b', byHand)
    world.clock.now += 1_001
    await world.consume('b', byHand)
    expect(await world.consumers()).toEqual([['g', [['b', 4]]]])
    await world.remove('b')
    expect(await world.values('c', byHand)).toEqual(['m0', 'm2', 'm3'])
  })

  test('commits what was given so long ago as it says, and the rest when the session ends', async () => {
    await fill()
    await world.consume('a')
    world.clock.now += 4_000
    await world.consume('a')
    expect(await world.committed()).toEqual([-1, -1, -1, -1])
    world.clock.now += 1_000
    await world.consume('a')
    expect(await world.committed()).toEqual([1, 1, 1, 1])
    await fill('n')
    await world.consume('a')
    world.clock.now += 10_001
    await world.kafka.prune(world.clock.now)
    expect(await world.committed()).toEqual([2, 2, 2, 2])
    expect(await world.consumers()).toEqual([])
  })

  test('of several who ask at once gives each message to one, also where they call themselves the same', async () => {
    for (const name of ['m', 'n']) await fill(name)
    const asked = await Promise.all(['a', 'a', 'a', 'b'].map((instance) => world.values(instance, byHand)))
    const mine = asked.slice(0, 3).flat()
    expect(new Set(mine).size).toBe(mine.length)
    const all = new Set(asked.flat())
    for (let i = 0; i < 3 && all.size < 8; i++) {
      for (const instance of ['a', 'b']) for (const value of await world.values(instance, byHand)) all.add(value)
    }
    expect(all.size).toBe(8)
  })

  test('goes on from what was committed when the process was killed', async () => {
    await fill()
    await world.values('a', byHand)
    await world.commit('a', [{ topic: 't', partition: 0, offset: 1n }])
    await world.kafka.restart()
    expect(await world.values('a', byHand)).toEqual(['m1', 'm2', 'm3'])
  })

  test('is another workspace’s own', async () => {
    await fill()
    await world.consume('a')
    await world.commit('a')
    const stranger = { workspace: 'other' }
    expect(await world.consumers(stranger)).toEqual([])
    await expect(world.committed('t', stranger)).rejects.toMatchObject({ problem: 'resource.not_found' })
    await expect(world.remove('a', stranger)).rejects.toMatchObject({ problem: 'resource.not_found' })
    await world.produce([{ topic: 't', value: 'theirs', partition: 0 }], stranger)
    expect((await world.consume('a', {}, stranger)).map(({ value }) => value)).toEqual(['theirs'])
    expect(await world.committed()).toEqual([1, 1, 1, 1])
  })

  test('is forgotten when nobody has used it for as long as messages are kept, and so are they', async () => {
    await fill()
    await world.consume('a')
    await world.commit('a')
    world.clock.now += 86_400_000 + 11_000
    await world.kafka.prune(world.clock.now)
    expect(await world.offsets({ partitions: [{ topic: 't' }], at: { case: 'end', value: 1 } })).toEqual([1])
    world.clock.now += 86_400_000 + 11_000
    await world.kafka.prune(world.clock.now)
    expect(await world.committed()).toEqual([-1, -1, -1, -1])
  })
})

describe('what is asked of a group', () => {
  test('is waited for, not longer than is said, and by no more than may wait', async () => {
    await fill()
    await world.values('a')
    const waiting = world.values('a', { timeoutMs: 10_000 })
    setTimeout(() => void fill('n'), 50)
    expect((await waiting).length).toBeGreaterThan(0)
    await world.values('a')
    expect(await world.values('a', { timeoutMs: 20 })).toEqual([])
  })

  test('is bounded: what is more is refused, or comes next', async () => {
    for (const name of ['m', 'n', 'o', 'p']) await fill(name)
    expect(await world.values('a')).toHaveLength(8)
    expect(await world.values('a')).toHaveLength(8)
    for (const instance of ['b', 'c']) await world.consume(instance)
    await expect(world.consume('d')).rejects.toMatchObject({ errors: [{ pointer: 'instance' }] })
    for (const group of ['h', 'k']) await world.consume('a', { group })
    await expect(world.consume('a', { group: 'l' })).rejects.toMatchObject({ errors: [{ pointer: 'group' }] })
  })

  test.each([
    [{ group: '' }, 'group'],
    [{ group: 'a/b' }, 'group'],
    [{ instance: 'x'.repeat(101) }, 'instance'],
    [{ topics: [] }, 'topics'],
    [{ sessionTimeoutMs: 10 }, 'Kafka-Session-Timeout-Ms'],
    [{ autoCommitIntervalMs: 2_000_000_000 }, 'Kafka-Auto-Commit-Interval'],
  ])('%j is refused and says where', async (init, pointer) => {
    await fill()
    await expect(world.consume('i', init)).rejects.toMatchObject({ problem: 'request.invalid', errors: [{ pointer }] })
  })

  test('names that every object has are names as others', async () => {
    await fill()
    expect(await world.values('__proto__', { group: 'constructor' })).toHaveLength(4)
    expect(await world.values('constructor', { group: '__proto__' })).toHaveLength(4)
    expect((await world.consumers()).map(([name]) => name)).toEqual(['__proto__', 'constructor'])
  })

  test('a commit is of what is there, and of one’s own partitions', async () => {
    await fill()
    const at = (offset: number, partition = 0) => [{ topic: 't', partition, offset: BigInt(offset) }]
    await expect(world.commit('a')).rejects.toMatchObject({ problem: 'resource.not_found' })
    await expect(world.commit('a', at(2))).rejects.toMatchObject({
      errors: [{ pointer: '/0/offset', reason: 'must be 0 to 1' }],
    })
    await expect(world.commit('a', at(-1))).rejects.toMatchObject({ problem: 'request.invalid' })
    await expect(world.commit('a', at(0, 4))).rejects.toMatchObject({ problem: 'request.invalid' })
    await world.consume('a', byHand)
    await world.consume('b', byHand)
    await world.commit('a', at(1, 0))
    await expect(world.commit('b', at(1, 0))).rejects.toMatchObject({ problem: 'request.precondition' })
    expect(await world.committed()).toEqual([1, -1, -1, -1])
  })

  test('needs topics:read of its topics', async () => {
    await fill()
    await fill('u', 'u')
    const reader = { scopes: ['topics:read:u'] }
    await expect(world.consume('a', {}, reader)).rejects.toMatchObject({ problem: 'auth.scope' })
    await expect(world.consume('a', {}, { scopes: ['topics:write'] })).rejects.toMatchObject({ problem: 'auth.scope' })
    expect(await world.consume('a', { topics: ['u'] }, reader)).toHaveLength(4)
    await world.consume('b', { group: 'h' })
    expect(await world.consumers(reader)).toEqual([['g', [['a', 4]]]])
    await expect(world.remove('a', { scopes: ['topics:read:t'] })).rejects.toMatchObject({ problem: 'auth.scope' })
    await expect(world.commit('a', [], { scopes: ['topics:read:t'] })).rejects.toMatchObject({ problem: 'auth.scope' })
    await world.remove('a', reader)
  })

  test('what is read counts in its reader’s plan', async () => {
    await fill()
    const plan = { name: 'small', rows: 6n, windowSeconds: 60 }
    expect(await world.consume('a', {}, { plan })).toHaveLength(4)
    await fill('n')
    await world.consume('a', {}, { plan })
    await expect(world.consume('a', {}, { plan })).rejects.toMatchObject({ problem: 'limit.cost' })
  })
})

describe('offsets', () => {
  test('are found by time, and at the ends', async () => {
    for (const timestampMs of [1_000n, 3_000n, 2_000n]) {
      await world.produce([{ topic: 't', partition: 0, value: '', timestampMs }])
    }
    const partitions = [{ topic: 't', partition: 0 }, { topic: 't', partition: 1 }] // prettier-ignore
    const at = (value: bigint) => world.offsets({ partitions, at: { case: 'timestampMs', value } })
    expect(await at(0n)).toEqual([0, 0])
    expect(await at(1_500n)).toEqual([1, 0])
    expect(await at(9_000n)).toEqual([3, 0])
    expect(await world.offsets({ partitions, at: { case: 'end', value: 1 } })).toEqual([0, 0])
    expect(await world.offsets({ partitions, at: { case: 'end', value: 2 } })).toEqual([3, 0])
    await expect(world.offsets({ partitions: [{ topic: 'none' }] })).rejects.toMatchObject({
      problem: 'resource.not_found',
    })
  })

  test('that are no more lead to the oldest that is there, and those to come to nothing yet', async () => {
    await fill()
    const fetch = (offset: bigint) => world.fetch({ offsets: [{ topic: 't', partition: 0, offset }] })
    expect(await fetch(7n)).toEqual([])
    await expect(fetch(-1n)).rejects.toMatchObject({ errors: [{ pointer: '/0/offset' }] })
  })
})
