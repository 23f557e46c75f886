import * as vitest from 'vitest'
import { expect } from 'vitest'
import type { Log, LogRecord } from '../../core/storage/log.ts'
import type { Register } from './controls.ts'

const options = { partitions: 3 }
const retention = { before: 4_000, groups: ['g'] }
const everything = { maxRecords: 1_000_000, maxBytes: 1 << 30 }

function records(count: number, of: Partial<LogRecord> = {}): LogRecord[] {
  return Array.from({ length: count }, (_, i) => ({ key: undefined, value: `{"n":${i}}`, timestamp: 1_000, ...of }))
}

/**
 * What every engine of the event log promises. `open` opens the same log again each time it is called with the same
 * directory; `directory` is a new one.
 */
export function logContract(
  open: (directory: string) => Promise<Log>,
  newDirectory: () => string,
  { describe, test }: Register = vitest,
): void {
  const withLog = async (use: (log: Log, reopen: () => Promise<Log>) => Promise<void>): Promise<void> => {
    const directory = newDirectory()
    let log = await open(directory)
    await log.createTopic('w.s', options)
    try {
      await use(log, async () => {
        await log.close()
        return (log = await open(directory))
      })
    } finally {
      await log.close()
    }
  }

  describe('the event log', () => {
    test('gives records back in order, by partition, with key, text and time as they came', () =>
      withLog(async (log) => {
        const key = crypto.getRandomValues(new Uint8Array(16))
        const odd: LogRecord[] = [
          { key, value: '{"n":9007199254740993,"s":"ü 🎉 \\u0000"}', timestamp: 5 },
          { key: undefined, value: '', timestamp: 6 },
          { key: undefined, value: 'x'.repeat(100_000), timestamp: 7 },
        ]
        await log.append([{ topic: 'w.s', partition: 1, records: odd }])
        expect(await log.read('w.s', 1, 0, everything)).toEqual(odd.map((record, offset) => ({ ...record, offset })))
        expect(await log.read('w.s', 0, 0, everything)).toEqual([])
      }))

    test('numbers offsets without gaps, whoever appends at the same time', () =>
      withLog(async (log) => {
        await Promise.all(
          Array.from({ length: 40 }, (_, i) =>
            log.append([{ topic: 'w.s', partition: i % 2, records: records(1 + (i % 7)) }]),
          ),
        )
        for (const partition of [0, 1]) {
          const read = await log.read('w.s', partition, 0, everything)
          expect(read.map((record) => record.offset)).toEqual(read.map((_, i) => i))
        }
      }))

    test('answers an append with the offset of its last record, and the range of each partition', () =>
      withLog(async (log) => {
        const append = { topic: 'w.s', partition: 2, records: records(10) }
        expect(await log.append([append])).toEqual([{ topic: 'w.s', partition: 2, offset: 9 }])
        expect(await log.append([append])).toEqual([{ topic: 'w.s', partition: 2, offset: 19 }])
        expect(await log.ranges('w.s')).toEqual([
          { partition: 0, start: 0, end: 0 },
          { partition: 1, start: 0, end: 0 },
          { partition: 2, start: 0, end: 20 },
        ])
      }))

    test('refuses what has no place before it writes any of it', () =>
      withLog(async (log) => {
        const good = { topic: 'w.s', partition: 0, records: records(3) }
        await expect(log.append([good, { ...good, topic: 'w.nowhere' }])).rejects.toThrow()
        await expect(log.append([good, { ...good, partition: 3 }])).rejects.toThrow()
        expect(await log.read('w.s', 0, 0, everything)).toEqual([])
      }))

    test('reads from any offset, within bounds, at least one record', () =>
      withLog(async (log) => {
        for (let i = 0; i < 5; i++) await log.append([{ topic: 'w.s', partition: 0, records: records(10) }])
        const offsets = async (from: number, bounds: { maxRecords: number; maxBytes: number }) =>
          (await log.read('w.s', 0, from, bounds)).map((record) => record.offset)
        // An engine may stop earlier, where what it stores together ends.
        const some = await offsets(7, { maxRecords: 5, maxBytes: 1 << 20 })
        expect(some).toEqual([7, 8, 9, 10, 11].slice(0, Math.max(1, some.length)))
        const more = await offsets(10, { maxRecords: 25, maxBytes: 1 << 20 })
        expect(more).toEqual(Array.from({ length: Math.min(Math.max(1, more.length), 25) }, (_, i) => 10 + i))
        expect(await offsets(13, { maxRecords: 1, maxBytes: 1 })).toEqual([13])
        expect(await offsets(13, everything)).toEqual(Array.from({ length: 37 }, (_, i) => 13 + i))
        expect(await offsets(50, everything)).toEqual([])
        expect(await offsets(60, everything)).toEqual([])
      }))

    test('goes back to an offset whenever it is asked, without end', () =>
      withLog(async (log) => {
        const long = records(3_000, { value: `{"s":"${'x'.repeat(1_000)}"}` })
        await log.append([{ topic: 'w.s', partition: 0, records: long }])
        for (const from of [0, 1_499, 2_999]) {
          expect(await log.read('w.s', 0, from, everything)).toHaveLength(3_000 - from)
        }
      }))

    test('remembers commits and their metadata, by group', () =>
      withLog(async (log, reopen) => {
        expect(await log.committed('g', 'w.s')).toEqual([])
        const commit = { topic: 'w.s', partition: 1, offset: 7, metadata: '{"to":9}' }
        await log.commit('g', [commit])
        const again = await reopen()
        expect(await again.committed('g', 'w.s')).toEqual([commit])
        expect(await again.committed('other', 'w.s')).toEqual([])
      }))

    test('knows what a group has committed of all topics, and how far it is behind in them', () =>
      withLog(async (log) => {
        await log.createTopic('w.t', { partitions: 2 })
        await log.append([
          { topic: 'w.s', partition: 0, records: records(5) },
          { topic: 'w.s', partition: 2, records: records(1) },
          { topic: 'w.t', partition: 0, records: records(3) },
        ])
        const commits = [
          { topic: 'w.s', partition: 0, offset: 4, metadata: '' },
          { topic: 'w.t', partition: 0, offset: 1, metadata: 'm' },
        ]
        await log.commit('g', commits)
        expect((await log.committed('g')).toSorted((a, b) => (a.topic < b.topic ? -1 : 1))).toEqual(commits)
        const behind = (await log.lag('g')).map(({ topic, partition, records }) => `${topic}/${partition}: ${records}`)
        expect(behind.toSorted()).toEqual(['w.s/0: 1', 'w.s/1: 0', 'w.s/2: 1', 'w.t/0: 2', 'w.t/1: 0'])
        await log.deleteTopic('w.t')
        expect(await log.committed('g')).toEqual(commits.slice(0, 1))
      }))

    test('keeps everything over a restart', () =>
      withLog(async (log, reopen) => {
        await log.append([{ topic: 'w.s', partition: 0, records: records(100) }])
        const again = await reopen()
        await again.append([{ topic: 'w.s', partition: 0, records: records(1) }])
        expect(await again.ranges('w.s')).toContainEqual({ partition: 0, start: 0, end: 101 })
        expect(await again.topics()).toEqual([{ topic: 'w.s', partitions: 3 }])
      }))

    test('expires what is old and what every group has passed, and nothing else', () =>
      withLog(async (log) => {
        for (let i = 0; i < 3; i++) await log.append([{ topic: 'w.s', partition: 0, records: records(10) }])
        await log.append([{ topic: 'w.s', partition: 0, records: records(10, { timestamp: 5_000 }) }])
        await log.expire(retention)
        expect(await log.ranges('w.s')).toContainEqual({ partition: 0, start: 0, end: 40 })
        await log.commit('g', [{ topic: 'w.s', partition: 0, offset: 25, metadata: '' }])
        await log.expire(retention)
        // All of it, or what the engine stores together.
        const { start } = (await log.ranges('w.s'))[0] ?? { start: NaN }
        expect(start).toBeGreaterThanOrEqual(20)
        expect(start).toBeLessThanOrEqual(25)
        // From before what is there, as a reader asks that goes back a fixed way.
        expect((await log.read('w.s', 0, 5, everything)).map((record) => record.offset)[0]).toBe(start)
        await log.commit('g', [{ topic: 'w.s', partition: 0, offset: 40, metadata: '' }])
        await log.expire(retention)
        expect(await log.ranges('w.s')).toContainEqual({ partition: 0, start: 30, end: 40 })
        expect((await log.read('w.s', 0, 30, everything)).map((record) => record.offset)[0]).toBe(30)
      }))

    test('expires everything that may go at once, however many appends it came in', () =>
      withLog(async (log) => {
        await Promise.all(
          Array.from({ length: 2_500 }, () => log.append([{ topic: 'w.s', partition: 0, records: records(1) }])),
        )
        await log.commit('g', [{ topic: 'w.s', partition: 0, offset: 2_500, metadata: '' }])
        await log.expire(retention)
        expect(await log.ranges('w.s')).toContainEqual({ partition: 0, start: 2_500, end: 2_500 })
        const [position] = await log.append([{ topic: 'w.s', partition: 0, records: records(1) }])
        expect(position?.offset).toBe(2_500)
      }))

    test('never makes a gap: what is newer than its followers holds them', () =>
      withLog(async (log) => {
        for (const timestamp of [1_000, 9_000, 1_000]) {
          await log.append([{ topic: 'w.s', partition: 0, records: records(10, { timestamp }) }])
        }
        await log.commit('g', [{ topic: 'w.s', partition: 0, offset: 30, metadata: '' }])
        await log.expire(retention)
        expect(await log.ranges('w.s')).toContainEqual({ partition: 0, start: 10, end: 30 })
      }))

    test('forgets a topic that is deleted, and begins at 0 when it is made again', () =>
      withLog(async (log) => {
        await log.append([{ topic: 'w.s', partition: 0, records: records(5) }])
        await log.commit('g', [{ topic: 'w.s', partition: 0, offset: 5, metadata: '' }])
        await log.deleteTopic('w.s')
        await expect(log.append([{ topic: 'w.s', partition: 0, records: records(1) }])).rejects.toThrow()
        await log.createTopic('w.s', options)
        expect(await log.append([{ topic: 'w.s', partition: 0, records: records(1) }])).toMatchObject([{ offset: 0 }])
        expect(await log.committed('g', 'w.s')).toEqual([])
      }))

    test('keeps keys of any length and headers, in a topic that is no stream’s', () =>
      withLog(async (log, reopen) => {
        const topic = 'w/My.own-topic_1'
        await log.createTopic(topic, { partitions: 1 })
        const bytes = (text: string) => Uint8Array.from(Buffer.from(text))
        const headers = [
          { key: 'trace', value: 'ü🎉\n' },
          { key: 'trace', value: '' },
        ]
        const given: LogRecord[] = [
          { key: bytes('k'), value: 'one\ntwo', timestamp: 1, headers },
          { key: bytes('exactly 16 bytes'), value: '', timestamp: 2, headers },
          { key: bytes('exactly 16 bytes'), value: 'plain', timestamp: 3 },
          { key: bytes(''), value: '{}', timestamp: 4 },
          { key: undefined, value: '{"key":"x"}\n', timestamp: 5 },
          { key: bytes('x'.repeat(1_000)), value: 'é', timestamp: 6 },
        ]
        await log.append([{ topic, partition: 0, records: given }])
        const again = await reopen()
        expect(await again.read(topic, 0, 0, everything)).toEqual(
          given.map((record, offset) => ({ ...record, offset })),
        )
        expect((await again.topics()).map((found) => found.topic)).toContain(topic)
        await again.deleteTopic(topic)
      }))

    test('finds the first record of a time or later, and the end where there is none', () =>
      withLog(async (log) => {
        for (const timestamp of [1_000, 3_000, 2_000, 5_000]) {
          await log.append([{ topic: 'w.s', partition: 0, records: records(10, { timestamp }) }])
        }
        const at = await Promise.all([0, 1_000, 1_001, 3_000, 3_001, 5_001].map((time) => log.offsetAt('w.s', 0, time)))
        expect(at).toEqual([0, 0, 10, 10, 30, 40])
        const mixed = [...records(2, { timestamp: 1_000 }), ...records(2, { timestamp: 2_000 })]
        await log.append([{ topic: 'w.s', partition: 1, records: mixed }])
        expect(await Promise.all([1_500, 2_000, 2_001].map((time) => log.offsetAt('w.s', 1, time)))).toEqual([2, 2, 4])
        expect(await log.offsetAt('w.s', 2, 0)).toBe(0)
      }))

    test('expires only the topics that it is told, whoever has still to read them', () =>
      withLog(async (log) => {
        await log.createTopic('w/own', { partitions: 1 })
        for (const topic of ['w.s', 'w/own']) await log.append([{ topic, partition: 0, records: records(5) }])
        await log.expire({ before: 4_000, groups: [], topics: ['w/own', 'w/gone'] })
        expect(await log.ranges('w/own')).toEqual([{ partition: 0, start: 5, end: 5 }])
        expect(await log.ranges('w.s')).toContainEqual({ partition: 0, start: 0, end: 5 })
        await log.deleteTopic('w/own')
      }))

    test('forgets a group, and no other', () =>
      withLog(async (log) => {
        const commit = { topic: 'w.s', partition: 0, offset: 3, metadata: '' }
        for (const group of ['w/g', 'w/h']) await log.commit(group, [commit])
        await log.deleteGroup('w/g')
        await log.deleteGroup('w/never')
        expect(await log.committed('w/g', 'w.s')).toEqual([])
        expect(await log.committed('w/h', 'w.s')).toEqual([commit])
      }))

    test('tells of appends', () =>
      withLog(async (log) => {
        const told: string[] = []
        const stop = log.onAppend((topic, partition) => told.push(`${topic}/${partition}`))
        expect(log.isReady()).toBe(true)
        await log.append([{ topic: 'w.s', partition: 1, records: records(1) }])
        stop()
        await log.append([{ topic: 'w.s', partition: 2, records: records(1) }])
        expect(told).toEqual(['w.s/1'])
      }))
  })
}
