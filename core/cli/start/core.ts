import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { existsSync } from 'node:fs'
import type { LogFile } from './logs.ts'

/** What the core says when it is ready. */
export interface CoreReady {
  readonly http: string
  readonly grpc: string
  readonly data: string
  readonly adminKey?: string
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A child process of `start`. */
export interface Child<Ready> {
  readonly pid: number | undefined
  readonly ready: Promise<Ready>
  readonly ended: Promise<Ended>
  /** Asks it to end, and makes it end after `graceMs`. */
  stop(graceMs: number): Promise<Ended>
}

export interface CoreOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: LogFile
}

/** The core as a child: it ends by itself when the channel to this process closes, however this process ended. */
export function startCore({ env, log }: CoreOptions): Child<CoreReady> {
  const child = spawn(process.execPath, [corePath()], {
    env,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    // A process group of its own: Ctrl-C reaches this process alone, which then stops things in order.
    detached: true,
  })
  const ended = endOf(child)
  const ready = new Promise<CoreReady>((resolve) => {
    child.on('message', (message: Partial<CoreReady> & { ready?: boolean }) => {
      if (message.ready === true) resolve(message as CoreReady)
    })
  })
  return {
    pid: child.pid,
    ready,
    ended,
    stop: (graceMs) => stopping(child.pid, ended, () => child.kill('SIGTERM'), graceMs),
  }
}

function corePath(): string {
  const source = fileURLToPath(new URL('../../main.ts', import.meta.url))
  return existsSync(source) ? source : fileURLToPath(new URL('../../main.js', import.meta.url))
}

export function endOf(child: ReturnType<typeof spawn>): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
}

export async function stopping(
  pid: number | undefined,
  ended: Promise<Ended>,
  ask: () => void,
  graceMs: number,
): Promise<Ended> {
  ask()
  const timer = setTimeout(() => killGroup(pid), graceMs)
  const end = await ended
  clearTimeout(timer)
  // What it may have left behind in its group.
  killGroup(pid)
  return end
}

export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}
