import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { living, type Member, type Members, type Place, reshared, share } from '../../../core/kafka/group.ts'

const member = (topics: readonly string[], places: readonly Place[] = []): Member => ({
  topics,
  sessionMs: 1_000,
  autoCommit: true,
  intervalMs: 5_000,
  seenAt: 0,
  committedAt: 0,
  held: Object.fromEntries(places.map((place) => [place, { next: 0, committed: 0 }])),
})

const counts = (owners: ReadonlyMap<Place, string>) =>
  [...Map.groupBy([...owners], ([, name]) => name)].map(([name, mine]) => `${name} ${mine.length}`).toSorted()

const sorted = (owners: ReadonlyMap<Place, string>) => [...owners].toSorted(([a], [b]) => (a < b ? -1 : 1))

describe('partitions', () => {
  test('are shared evenly, and those who have some keep what that allows', () => {
    const partitions = new Map([['t', 4]])
    const alone: Members = new Map([['a', member(['t'])]])
    expect(counts(share(alone, partitions))).toEqual(['a 4'])
    const two: Members = new Map([
      ['a', member(['t'], ['t/0', 't/1', 't/2', 't/3'])],
      ['b', member(['t'])],
    ])
    expect(sorted(share(two, partitions))).toEqual([
      ['t/0', 'a'],
      ['t/1', 'a'],
      ['t/2', 'b'],
      ['t/3', 'b'],
    ])
    const three: Members = new Map([
      ['a', member(['t'], ['t/0', 't/1'])],
      ['b', member(['t'], ['t/2', 't/3'])],
      ['c', member(['t'])],
    ])
    expect(sorted(share(three, partitions))).toEqual([
      ['t/0', 'a'],
      ['t/1', 'a'],
      ['t/2', 'b'],
      ['t/3', 'c'],
    ])
  })

  test('of a topic go to those who want it, and topics of one partition not all to one', () => {
    const members: Members = new Map([
      ['a', member(['t', 'u', 'v'])],
      ['b', member(['u', 'v'])],
    ])
    const owners = share(
      members,
      new Map([
        ['t', 1],
        ['u', 1],
        ['v', 1],
      ]),
    )
    expect(owners.get('t/0')).toBe('a')
    expect(owners.get('u/0')).toBe('b')
    expect(owners.size).toBe(3)
    expect(share(members, new Map([['w', 3]])).size).toBe(0)
  })

  test('always have one owner who wants them, the shares of a topic differ by one at most, and sharing again moves nothing', () => {
    const topics = ['t', 'u', 'constructor']
    const world = fc.record({
      counts: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 }),
      wants: fc.array(fc.subarray(topics), { minLength: 1, maxLength: 6 }),
      holders: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 27, maxLength: 27 }),
    })
    fc.assert(
      fc.property(world, ({ counts: of, wants, holders }) => {
        const partitions = new Map(topics.map((topic, i) => [topic, of[i] ?? 0]))
        const held = wants.map((): Place[] => [])
        topics.forEach((topic, t) => {
          for (let p = 0; p < (of[t] ?? 0); p++) held[holders[t * 9 + p] ?? 0]?.push(`${topic}/${p}`)
        })
        const members: Members = new Map(wants.map((want, i) => [`m${i}`, member(want, held[i])]))
        const owners = share(members, partitions)
        for (const [t, topic] of topics.entries()) {
          const wanting = wants.flatMap((want, i) => (want.includes(topic) ? [`m${i}`] : []))
          const mine = wanting.map(
            (name) => [...owners].filter(([p, n]) => n === name && p.startsWith(`${topic}/`)).length,
          )
          expect(mine.reduce((sum, n) => sum + n, 0)).toBe(wanting.length === 0 ? 0 : of[t])
          if (mine.length > 0) expect(Math.max(...mine) - Math.min(...mine)).toBeLessThanOrEqual(1)
        }
        const settled = new Map(
          wants.map((want, i) => [
            `m${i}`,
            member(
              want,
              [...owners].filter(([, name]) => name === `m${i}`).map(([place]) => place),
            ),
          ]),
        )
        expect(sorted(share(settled, partitions))).toEqual(sorted(owners))
        expect(reshared(settled, owners).lost).toEqual([])
      }),
    )
  })
})

test('a session ends when it was silent for so long, also where the clock was set back', () => {
  const members: Members = new Map([['a', member(['t'])]])
  expect(living(members, 1_000).live.size).toBe(1)
  expect(living(members, 1_001).gone.size).toBe(1)
  expect(living(members, -1_001).gone.size).toBe(1)
})
