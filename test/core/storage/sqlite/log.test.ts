import { afterAll } from 'vitest'
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
