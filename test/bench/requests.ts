import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../support/directory.ts'

const run = promisify(execFile)
const connections = 16

export interface Asking {
  readonly seconds: number
  readonly header: string
  /** With one it is POST. */
  readonly body?: string
}

/** With wrk where it is installed, which takes less of the machine, else with our own. */
export async function requestsPerSecond(url: string, { seconds, header, body = '' }: Asking): Promise<number> {
  const directory = temporaryDirectory()
  try {
    const script = join(directory.path, 'post.lua')
    writeFileSync(script, `wrk.method = 'POST'\nwrk.body = ${JSON.stringify(body)}\n`)
    const post = body === '' ? [] : ['-s', script]
    const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', header, ...post, url])
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout)
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown
    const own = fileURLToPath(new URL('load.ts', import.meta.url))
    const { stdout } = await run(process.execPath, [own, url, String(seconds), String(connections), body, header])
    return Number(stdout)
  } finally {
    directory.remove()
  }
}

/** What others do on the machine changes how long a request takes, but hardly how much of the CPU it costs. */
export function cpuSecondsOf(pid: number | undefined): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')
  const parts = fields.split(' ')
  return (Number(parts[11]) + Number(parts[12])) / 100
}
