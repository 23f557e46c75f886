import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What `start` leaves in the data directory while it runs, for the other commands on this machine. */
export interface Running {
  readonly pid: number
  readonly url: string
  readonly coreHttp: string
  readonly coreGrpc: string
}

const name = 'running.json'

export function saveRunning(data: string, running: Running): void {
  writeFileSync(join(data, name), `${JSON.stringify(running)}\n`, { mode: 0o600 })
}

export function forgetRunning(data: string): void {
  rmSync(join(data, name), { force: true })
}

/** Undefined where nothing runs: the file may have outlived its process. */
export function readRunning(data: string): Running | undefined {
  try {
    const running = JSON.parse(readFileSync(join(data, name), 'utf8')) as Running
    process.kill(running.pid, 0)
    return running
  } catch {
    return undefined
  }
}
