import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeShares,
  encodeShares,
  type Member,
  shareCount,
  shareOf,
  shareOut,
} from '../../../../core/storage/kafka/shares.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const all = Array.from({ length: shareCount }, (_, share) => share)

/** Rounds until nobody has to let go of anything, as members play them. */
function settle(members: readonly Member[]): { readonly members: readonly Member[]; readonly rounds: number } {
  let now = members
  for (let rounds = 1; ; rounds++) {
    const given = shareOut(now)
    // What comes to somebody was nobody's.
    for (const { memberId, held } of now) {
      const come = (given.get(memberId) ?? []).filter((share) => !held.includes(share))
      for (const share of come) expect(now.some((other) => other.held.includes(share))).toBe(false)
    }
    const next = now.map(({ memberId }) => ({ memberId, held: given.get(memberId) ?? [] }))
    const isCalm = now.every(({ memberId, held }) => held.every((share) => given.get(memberId)?.includes(share)))
    if (isCalm) return { members: next, rounds }
    now = next
  }
}

const counts = (members: readonly Member[]) => members.map(({ held }) => held.length)

describe('shares', () => {
  test('whoever joins and leaves: each has one holder in the end, all have as many but one, never two have the same', () => {
    const members = fc
      .subarray(names, { minLength: 1 })
      .chain((present) =>
        fc.tuple(
          fc.constant(present),
          fc.array(fc.constantFrom(...present, 'nobody'), { minLength: shareCount, maxLength: shareCount }),
        ),
      )
    fc.assert(
      fc.property(members, ([present, holders]) => {
        const before = present.map((memberId) => ({
          memberId,
          held: all.filter((share) => holders[share] === memberId),
        }))
        const { members: after, rounds } = settle(before)
        expect(after.flatMap(({ held }) => held).toSorted((a, b) => a - b)).toEqual(all)
        expect(Math.max(...counts(after)) - Math.min(...counts(after))).toBeLessThanOrEqual(1)
        expect(rounds).toBeLessThanOrEqual(3)
      }),
    )
  })

  test('one more takes only what is too much of the others', () => {
    const two = settle([
      { memberId: 'a', held: all },
      { memberId: 'b', held: [] },
    ]).members
    const three = settle([...two, { memberId: 'c', held: [] }]).members
    for (const [at, { held }] of three.slice(0, 2).entries()) {
      expect(held.filter((share) => !two[at]?.held.includes(share))).toEqual([])
    }
    expect(counts(three).toSorted((a, b) => a - b)).toEqual([21, 21, 22])
  })

  test('what two say they have, both let go of', () => {
    const given = shareOut([
      { memberId: 'a', held: [1, 2, 3] },
      { memberId: 'b', held: [3, 4] },
    ])
    expect([...given.values()].flat()).not.toContain(3)
  })

  test('go over the wire, and the partitions of a topic over those who share it', () => {
    expect(decodeShares(encodeShares([]))).toEqual([])
    expect(decodeShares(encodeShares([0, 7, 63]))).toEqual([0, 7, 63])
    for (const topic of ['w.s', 'w.t', 'main.orders']) {
      const lower = [0, 1, 2, 3].filter((partition) => shareOf(topic, partition) < shareCount / 2)
      expect(lower).toHaveLength(2)
    }
  })
})
