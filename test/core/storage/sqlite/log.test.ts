import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { openSqliteLog } from '../../../../core/storage/sqlite/log.ts'
import { logContract } from '../../../contract/log.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const directories: { remove(): void }[] = []
afterAll(() => {
  for (const directory of directories) directory.remove()
})

logContract(
  (directory) => openSqliteLog({ directory }),
  () => {
    const directory = temporaryDirectory()
    directories.push(directory)
    return directory.path
  },
)

test('a log whose database cannot be read says so at once', async () => {
  const directory = temporaryDirectory()
  directories.push(directory)
  writeFileSync(`${directory.path}/log.sqlite`, 'this is no database, and long enough to be sure of it '.repeat(100))
  const told: Error[] = []
  await expect(openSqliteLog({ directory: directory.path, onFatal: (error) => told.push(error) })).rejects.toThrow()
  expect(told).toHaveLength(1)
})

test('a log of before, whose topics knew their retention, goes on', async () => {
  const directory = temporaryDirectory()
  directories.push(directory)
  const before = new DatabaseSync(`${directory.path}/log.sqlite`)
  before.exec(`CREATE TABLE topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
    retention_ms INTEGER NOT NULL, groups TEXT NOT NULL
  ) STRICT; INSERT INTO topics VALUES (1, 'w.s', 2, 1000, '["warehouse"]')`)
  before.close()
  const log = await openSqliteLog({ directory: directory.path })
  await log.createTopic('w.t', { partitions: 1 })
  expect(await log.topics()).toEqual([
    { topic: 'w.s', partitions: 2 },
    { topic: 'w.t', partitions: 1 },
  ])
  await log.close()
})

test('what waits for the disk is bounded: beyond, callers are told when to come back, and nothing is lost', async () => {
  const directory = temporaryDirectory()
  directories.push(directory)
  const log = await openSqliteLog({ directory: directory.path })
  await log.createTopic('w.s', { partitions: 1 })
  const value = JSON.stringify('x'.repeat(40 << 20))
  const appends = Array.from({ length: 5 }, () =>
    log.append([{ topic: 'w.s', partition: 0, records: [{ key: undefined, value, timestamp: 1 }] }]),
  )
  const ends = await Promise.allSettled(appends)
  expect(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []))).toEqual(
    Array.from({ length: 2 }, () =>
      expect.objectContaining({ problem: 'limit.queue_full', status: 503, retryAfterMs: 1_000 }),
    ),
  )
  expect(await log.ranges('w.s')).toEqual([{ partition: 0, start: 0, end: 3 }])
  await log.close()
})

/** A disk of 8 MiB, where a user may mount one. */
const onSmallDisk = ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@"']
const mayMount = (() => {
  const directory = temporaryDirectory()
  try {
    execFileSync('unshare', [...onSmallDisk, directory.path, 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    directory.remove()
  }
})()

test.skipIf(!mayMount)(
  'a full disk is a refusal that says so, until there is room; what was acknowledged is there',
  () => {
    const directory = temporaryDirectory()
    directories.push(directory)
    const program = fileURLToPath(new URL('./full-disk.ts', import.meta.url))
    const args = [...onSmallDisk, directory.path, process.execPath, program, directory.path]
    const refused = ['limit.disk_full', 503, 10_000]
    expect(JSON.parse(execFileSync('unshare', args).toString())).toEqual({
      refusal: refused,
      again: refused,
      kept: true,
    })
  },
)
