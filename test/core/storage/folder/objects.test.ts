import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openObjectFolder } from '../../../../core/storage/folder/objects.ts'
import { keysOf, objectsContract } from '../../../contract/objects.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const directories: { remove(): void }[] = []
afterAll(() => {
  for (const directory of directories) directory.remove()
})

function newDirectory(): string {
  const directory = temporaryDirectory()
  directories.push(directory)
  return directory.path
}

objectsContract(() => Promise.resolve(openObjectFolder(newDirectory())))

test('what a crash left half written is seen by nobody, and dropped once it is old', async () => {
  const directory = newDirectory()
  const objects = openObjectFolder(directory)
  await objects.put('models/a', Uint8Array.of(1))
  const parts = join(directory, 'parts')
  // What was written on the way is gone.
  expect(readdirSync(parts)).toEqual([])
  for (const name of ['old', 'young']) writeFileSync(join(parts, name), 'x')
  utimesSync(join(parts, 'old'), 1_000, 1_000)
  expect(await keysOf(objects.list('models/'))).toEqual(['models/a'])
  await objects.dropParts(Date.now() - 60_000)
  expect(readdirSync(parts)).toEqual(['young'])
  expect(await keysOf(objects.list('models/'))).toEqual(['models/a'])
})
