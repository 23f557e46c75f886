import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll } from 'vitest'
import { openObjectFolder } from '../../core/storage/folder/objects.ts'
import type { Objects } from '../../core/storage/objects.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { controls, type Lie } from './controls.ts'
import { objectsContract } from './objects.ts'

/** Object stores that do what none may, and who finds that out. */
const lies: Readonly<Record<string, Lie<Objects>>> = {
  'cuts off the end of what it is given': {
    foundBy: [
      'gives what was put, whole, of any size',
      'while a key is put again, whoever reads it gets the one before or the one after, whole',
    ],
    of: ({ put }) => ({ put: (key, bytes) => put(key, bytes.subarray(0, bytes.length - 1)) }),
  },
  'shows what it is still writing': {
    foundBy: ['while a key is put again, whoever reads it gets the one before or the one after, whole'],
    of: ({ put }) => ({
      async put(key, bytes) {
        await put(key, bytes.subarray(0, bytes.length / 2))
        await sleep(50)
        await put(key, bytes)
      },
    }),
  },
  'keeps what is deleted': {
    foundBy: ['gives nothing of what was never put, and nothing once it is deleted, which may be done twice'],
    of: () => ({ delete: () => Promise.resolve() }),
  },
  'lists one page': {
    foundBy: ['lists a folder, and when each came there, but no neighbour'],
    of: ({ list }) => ({
      async *list(folder) {
        let left = 1_000
        for await (const item of list(folder)) if (left-- > 0) yield item
      },
    }),
  },
  'lists what only begins like the folder': {
    foundBy: ['lists a folder, and when each came there, but no neighbour'],
    of: ({ list }) => ({
      async *list(folder) {
        yield* list(folder)
        yield { key: 'modelsx', modifiedMs: Date.now() }
      },
    }),
  },
  'takes any key': {
    foundBy: ['refuses a key that leads out of it'],
    of: ({ put }) => ({ put: (key, bytes) => put(key.replaceAll(/[^a-z]/g, '') || 'some', bytes) }),
  },
  'drops what is whole': {
    foundBy: ['drops what was left half written, and nothing else'],
    of: (objects) => ({ dropParts: () => objects.delete('models/some') }),
  },
  'links to something else': {
    foundBy: ['gives a link to exactly this object, or none'],
    of: () => ({ link: () => Promise.resolve('data:,something') }),
  },
  'is not there': {
    foundBy: ['says that it is there'],
    of: () => ({ ping: () => Promise.resolve(false) }),
  },
}

const directories: { remove(): void }[] = []
afterAll(() => {
  for (const directory of directories) directory.remove()
})

controls(lies, (lie, register) => {
  const open = async (): Promise<Objects> => {
    const directory = temporaryDirectory()
    directories.push(directory)
    const honest = openObjectFolder(directory.path)
    return { ...honest, ...lie(honest) }
  }
  objectsContract(open, register)
})
