import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import type { Supervisor } from './supervise.ts'

const settleMs = 150
const watched = ['core', 'mesh', 'proto/gen']

/** For development: another core when one of its sources is saved. The edge looks after itself (wrangler). */
export function restartOnSave(root: string, core: () => Supervisor, say: (text: string) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const changed = (_event: string, file: string | null): void => {
    if (file === null || !/\.(ts|sql)$/.test(file) || file.startsWith('cli')) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      say(`${file} was saved; the core is started again.`)
      core().restart()
    }, settleMs)
  }
  const watchers: FSWatcher[] = watched.map((folder) => watch(join(root, folder), { recursive: true }, changed))
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}
