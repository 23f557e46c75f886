import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Disk } from 'flydrive'
import { FSDriver } from 'flydrive/drivers/fs'

/** Files by key, as `models/main/3f…`: written once, whole or not at all, and never changed. */
export interface Objects {
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Undefined: there is none. */
  get(key: string): Promise<Uint8Array | undefined>
  delete(key: string): Promise<void>
  /** What a folder holds, as `models/`, and since when. */
  list(folder: string): AsyncIterable<{ readonly key: string; readonly modifiedMs: number }>
}

/** A folder as the object store. What a crash leaves half written has a name that nobody asks for. */
export function openObjectFolder(directory: string): Objects {
  // What is listed must be there.
  for (const folder of ['models', 'parts']) mkdirSync(join(directory, folder), { recursive: true, mode: 0o700 })
  const driver = new FSDriver({ location: directory, visibility: 'private' })
  // Its own copies and then removes, and a crash would leave half a copy under the name that is asked for.
  driver.move = (from, to) => rename(join(directory, from), join(directory, to))
  const disk = new Disk(driver)
  return {
    async put(key, bytes) {
      const part = `parts/${randomBytes(12).toString('hex')}`
      await writeFile(join(directory, part), bytes, { mode: 0o600, flush: true })
      await disk.move(part, key)
    },
    async get(key) {
      return (await disk.exists(key)) ? disk.getBytes(key) : undefined
    },
    delete: (key) => disk.delete(key),
    async *list(folder) {
      let token: string | undefined
      do {
        const page = await disk.listAll(folder, {
          recursive: true,
          ...(token !== undefined && { paginationToken: token }),
        })
        for (const item of page.objects) {
          if (!item.isFile) continue
          const { lastModified } = await disk.getMetaData(item.key)
          yield { key: item.key, modifiedMs: lastModified.getTime() }
        }
        token = page.paginationToken
      } while (token !== undefined)
    },
  }
}
