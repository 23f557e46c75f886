import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Disk } from 'flydrive'
import { FSDriver } from 'flydrive/drivers/fs'
import type { Objects } from '../objects.ts'

/** Where files are written before they have their name. */
const parts = 'parts'

/** A folder as the object store. What a crash leaves half written has a name that nobody asks for. */
export function openObjectFolder(directory: string): Objects {
  // What is listed must be there.
  for (const folder of ['models', parts]) mkdirSync(join(directory, folder), { recursive: true, mode: 0o700 })
  const driver = new FSDriver({ location: directory, visibility: 'private' })
  // Its own copies and then removes, and a crash would leave half a copy under the name that is asked for.
  driver.move = async (from, to) => {
    await mkdir(dirname(join(directory, to)), { recursive: true, mode: 0o700 })
    await rename(join(directory, from), join(directory, to))
  }
  const disk = new Disk(driver)
  return {
    async put(key, bytes) {
      const { key: name } = disk.file(key)
      const part = `${parts}/${randomBytes(12).toString('hex')}`
      await writeFile(join(directory, part), bytes, { mode: 0o600, flush: true })
      await disk.move(part, name)
    },
    async get(key) {
      const { key: name } = disk.file(key)
      // Not the library's, which gives all of the buffer that an empty file is a part of.
      const found = await readFile(join(directory, name)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      })
      return found && new Uint8Array(found.buffer, found.byteOffset, found.length)
    },
    delete: (key) => disk.delete(key),
    async *list(folder) {
      const { objects } = await disk.listAll(folder, { recursive: true })
      for (const item of objects) {
        if (!item.isFile) continue
        const { lastModified } = await disk.getMetaData(item.key)
        yield { key: item.key, modifiedMs: lastModified.getTime() }
      }
    },
    link: () => Promise.resolve(undefined),
    async dropParts(before) {
      for (const name of await readdir(join(directory, parts))) {
        const path = join(directory, parts, name)
        // It may have got its name in the meantime.
        const found = await stat(path).catch(() => undefined)
        if (found !== undefined && found.mtimeMs < before) await rm(path, { force: true })
      }
    },
    ping: () => Promise.resolve(existsSync(join(directory, parts))),
    close: () => undefined,
  }
}
