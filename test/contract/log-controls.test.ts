import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll } from 'vitest'
import type { Commit, Log } from '../../core/storage/log.ts'
import { openSqliteLog } from '../../core/storage/sqlite/log.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { controls, type Lie } from './controls.ts'
import { logContract } from './log.ts'

/** Logs that do what none may, and who finds that out. */
const lies: Readonly<Record<string, Lie<Log>>> = {
  'writes what it is given twice, as where repeats of a producer are not dropped': {
    foundBy: [
      'gives records back in order, by partition, with key, text and time as they came',
      'answers an append with the offset of its last record, and the range of each partition',
    ],
    of: ({ append }) => ({
      async append(appends) {
        const positions = await append(appends)
        await append(appends)
        return positions
      },
    }),
  },
  'acknowledges before it has written': {
    foundBy: ['keeps everything over a restart'],
    of: ({ append }) => ({
      append(appends) {
        sleep(200)
          .then(() => append(appends))
          .catch(() => undefined)
        const [{ topic, partition, records }] = appends as [(typeof appends)[0]]
        return Promise.resolve([{ topic, partition, offset: records.length - 1 }])
      },
    }),
  },
  'leaves gaps between offsets': {
    foundBy: ['numbers offsets without gaps, whoever appends at the same time'],
    of: ({ read }) => ({
      async read(...asked) {
        return (await read(...asked)).map((record) => ({ ...record, offset: 2 * record.offset }))
      },
    }),
  },
  'writes what has a place before it refuses what has none': {
    foundBy: ['refuses what has no place before it writes any of it'],
    of: ({ append }) => ({
      async append(appends) {
        const positions = []
        for (const one of appends) positions.push(...(await append([one])))
        return positions
      },
    }),
  },
  'gives more than is asked for': {
    foundBy: ['reads from any offset, within bounds, at least one record'],
    of: ({ read }) => ({
      read: (topic, partition, from) => read(topic, partition, from, { maxRecords: 1_000_000, maxBytes: 1 << 30 }),
    }),
  },
  'gives each record once': {
    foundBy: ['goes back to an offset whenever it is asked, without end'],
    of: ({ read }) => {
      let given = -1
      return {
        async read(...asked) {
          const records = (await read(...asked)).filter(({ offset }) => offset > given)
          given = records.at(-1)?.offset ?? given
          return records
        },
      }
    },
  },
  'keeps commits in memory': {
    foundBy: ['remembers commits and their metadata, by group'],
    of: () => {
      const commits = new Map<string, readonly Commit[]>()
      return {
        commit: (group, all) => Promise.resolve(void commits.set(group, all)),
        committed: (group) => Promise.resolve(commits.get(group) ?? []),
      }
    },
  },
  'takes one group for another': {
    foundBy: ['remembers commits and their metadata, by group'],
    of: ({ commit, committed }) => ({
      commit: (_, commits) => commit('all', commits),
      committed: (_, topic) => committed('all', topic),
    }),
  },
  'expires what a group has still to read': {
    foundBy: ['expires what is old and what every group has passed, and nothing else'],
    of: ({ expire }) => ({ expire: ({ before }) => expire({ before, groups: [] }) }),
  },
  'expires what is young': {
    foundBy: [
      'expires what is old and what every group has passed, and nothing else',
      'never makes a gap: what is newer than its followers holds them',
    ],
    of: ({ expire }) => ({ expire: ({ groups }) => expire({ before: 1e15, groups }) }),
  },
  'expires nothing': {
    foundBy: ['expires everything that may go at once, however many appends it came in'],
    of: () => ({ expire: () => Promise.resolve() }),
  },
  'keeps what is deleted': {
    foundBy: ['forgets a topic that is deleted, and begins at 0 when it is made again'],
    of: () => ({ deleteTopic: () => Promise.resolve() }),
  },
  'counts as read whatever is there': {
    foundBy: ['knows what a group has committed of all topics, and how far it is behind in them'],
    of: ({ lag }) => ({ lag: async (group) => (await lag(group)).map((behind) => ({ ...behind, records: 0 })) }),
  },
  'keeps only keys of one length': {
    foundBy: ['keeps keys of any length and headers, in a topic that is no stream’s'],
    of: ({ read }) => ({
      read: async (...asked) => (await read(...asked)).map((record) => ({ ...record, key: record.key?.slice(0, 16) })),
    }),
  },
  'finds what is after a time, not at it': {
    foundBy: ['finds the first record of a time or later, and the end where there is none'],
    of: ({ offsetAt }) => ({ offsetAt: (topic, partition, time) => offsetAt(topic, partition, time + 1) }),
  },
  'expires topics that it is not told': {
    foundBy: ['expires only the topics that it is told, whoever has still to read them'],
    of: ({ expire }) => ({ expire: ({ before, groups }) => expire({ before, groups }) }),
  },
  'forgets no group': {
    foundBy: ['forgets a group, and no other'],
    of: () => ({ deleteGroup: () => Promise.resolve() }),
  },
  'tells nobody': {
    foundBy: ['tells of appends'],
    of: () => ({ onAppend: () => () => undefined }),
  },
}

const directories: { remove(): void }[] = []
afterAll(() => {
  for (const directory of directories) directory.remove()
})

function newDirectory(): string {
  const directory = temporaryDirectory()
  directories.push(directory)
  return directory.path
}

controls(lies, (lie, register) => {
  const open = async (directory: string): Promise<Log> => {
    const honest = await openSqliteLog({ directory })
    return { ...honest, ...lie(honest) }
  }
  logContract(open, newDirectory, register)
})
