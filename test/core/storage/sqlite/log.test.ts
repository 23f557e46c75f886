import { writeFileSync } from 'node:fs'
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
