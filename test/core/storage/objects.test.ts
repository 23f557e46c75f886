import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openObjectFolder } from '../../../core/storage/objects.ts'
import { temporaryDirectory } from '../../support/directory.ts'

async function listed(folder: AsyncIterable<{ readonly key: string }>): Promise<string[]> {
  const keys = []
  for await (const { key } of folder) keys.push(key)
  return keys.sort()
}

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

describe('the object folder', () => {
  test('gives what was put, whole, and nothing of what was not', async () => {
    const objects = openObjectFolder(directory.path)
    expect(await objects.get('models/none')).toBeUndefined()
    const bytes = new Uint8Array(1 << 20).map((_, at) => at % 251)
    await objects.put('models/some', bytes)
    expect(Buffer.compare((await objects.get('models/some'))!, bytes)).toBe(0)
    expect(await listed(objects.list('models/'))).toEqual(['models/some'])
    // What was written on the way is gone.
    expect(await listed(objects.list('parts/'))).toEqual([])
    await objects.delete('models/some')
    expect(await objects.get('models/some')).toBeUndefined()
  })

  test('puts the same key again, and shows half of nothing that a crash left', async () => {
    const objects = openObjectFolder(directory.path)
    await objects.put('models/a', Uint8Array.of(1))
    await objects.put('models/a', Uint8Array.of(2))
    expect([...(await objects.get('models/a'))!]).toEqual([2])
    writeFileSync(join(directory.path, 'parts', 'half'), 'x')
    expect(await listed(objects.list('models/'))).toEqual(['models/a'])
    expect(await listed(objects.list('parts/'))).toEqual(['parts/half'])
  })

  test('refuses a key that leads out of it', async () => {
    const objects = openObjectFolder(directory.path)
    await expect(objects.get('../secret')).rejects.toThrow()
  })
})
