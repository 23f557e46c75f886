import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeySet } from '../../../core/stream/key-set.ts'
import { createRepeats } from '../../../core/stream/repeats.ts'

const keyOf = (n: number): Uint8Array => hash('md5', String(n), 'buffer')

test('a set of keys answers as a Map would', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2_000), fc.integer({ min: 1, max: 1e12 })), { maxLength: 5_000 }), (puts) => {
      const set = new KeySet()
      const map = new Map<number, number>()
      for (const [n, time] of puts) {
        expect(set.get(keyOf(n))).toBe(map.get(n))
        set.put(keyOf(n), time)
        map.set(n, time)
      }
      for (const [n, time] of map) expect(set.get(keyOf(n))).toBe(time)
    }),
    { numRuns: 20 },
  )
})

const record = (offset: number, n: number | undefined, timestamp = 1_000) => ({
  offset,
  key: n === undefined ? undefined : keyOf(n),
  timestamp,
})
const limits = { repeatsWindow: 10, repeatsMs: 500 }

test('an event is a repeat within at least one window of offsets, and events without identity never are', () => {
  const repeats = createRepeats(limits)
  expect(repeats.isRepeat(record(0, 1))).toBe(false)
  expect(repeats.isRepeat(record(1, 1))).toBe(true)
  expect(repeats.isRepeat(record(2, undefined))).toBe(false)
  expect(repeats.isRepeat(record(3, undefined))).toBe(false)
  expect(repeats.isRepeat(record(10, 1))).toBe(true)
})

test('an event that is sent again and again stays a repeat, however long ago the first was', () => {
  const repeats = createRepeats(limits)
  expect([0, 12, 22, 35, 41].map((offset) => repeats.isRepeat(record(offset, 1)))).toEqual([
    false,
    true,
    true,
    true,
    true,
  ])
  expect(repeats.isRepeat(record(60, 1))).toBe(false)
})

test('an event that came longer ago than the window of time is no repeat', () => {
  const repeats = createRepeats(limits)
  expect(repeats.isRepeat(record(0, 1, 1_000))).toBe(false)
  expect(repeats.isRepeat(record(1, 1, 1_499))).toBe(true)
  expect(repeats.isRepeat(record(2, 1, 1_999))).toBe(false)
  expect(repeats.isRepeat(record(3, 1, 2_000))).toBe(true)
})

test('a reader that begins where the log begins takes nothing for a repeat that it has not read', async () => {
  const all = Array.from({ length: 80 }, (_, offset) => ({ ...record(offset, offset), value: '' }))
  const repeats = createRepeats(limits)
  const log = {
    // What was before 30 has left it.
    read: async (_: string, __: number, at: number, { maxRecords }: { maxRecords: number }) =>
      all.slice(Math.max(at, 30)).slice(0, maxRecords),
  }
  await repeats.load(log as never, 'w.s', 0, 35)
  expect(all.slice(35).filter((one) => repeats.isRepeat(one))).toEqual([])
})

test('what is decided depends on the log alone: a reader that begins anywhere decides the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.nat(12)), { minLength: 40, maxLength: 80 }),
      fc.nat(80),
      async (keys, start) => {
        const all = keys.map((n, offset) => ({ ...record(offset, n ?? undefined), value: '' }))
        const from = Math.min(start, all.length)
        const first = createRepeats(limits)
        const expected = all.map((one) => first.isRepeat(one)).slice(from)
        const second = createRepeats(limits)
        const log = {
          read: async (_: string, __: number, at: number, { maxRecords }: { maxRecords: number }) =>
            all.slice(at, at + maxRecords),
        }
        await second.load(log as never, 'w.s', 0, from)
        expect(all.slice(from).map((one) => second.isRepeat(one))).toEqual(expected)
      },
    ),
    { numRuns: 200 },
  )
})
