import { readdirSync, readFileSync } from 'node:fs'

/** A process and all its descendants with their command lines, as Linux tells; empty where it does not. */
export function processTree(root: number): readonly { readonly pid: number; readonly command: readonly string[] }[] {
  const parents = new Map<number, number>()
  try {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const stat = read(`/proc/${pid}/stat`)
      parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    }
  } catch {
    return []
  }
  const mine = [root]
  for (const parent of mine) for (const [pid, of] of parents) if (of === parent) mine.push(pid)
  return mine.map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`).split('\0') }))
}

/** Empty where the process has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
