/** Starts the warehouse's process once, and says when and why it ended. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import type { Logger } from 'pino'

import { hasCrashed } from './crash.ts'
import type { FromServer, ServerOptions, ToServer } from './server.ts'

export interface Running {
  readonly pid: number | undefined
  readonly port: number
  readonly version: string
  /** Why it ended. */
  readonly exited: Promise<string>
  /** Asks it to finish what it writes and end; after `timeoutMs` it is ended. */
  stop(timeoutMs: number): void
}

/** Whoever passes requests on goes before whoever computes answers. */
const niceness = 5
const startTimeoutMs = 60_000
const heartbeatMs = 1000
/** How long it may be silent. Its own loop does nothing that takes long; its queries run on other threads. */
const silenceMs = 20_000

/** Resolves when the process answers. Its credential travels over the channel, so that no list of processes shows it. */
export async function launch(
  options: ServerOptions,
  { log, onStuck }: { readonly log: Logger; readonly onStuck?: ((database: string) => void) | undefined },
): Promise<Running> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./server.ts', import.meta.url))], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Nothing of the parent's environment: it may hold secrets, and this process runs other people's SQL.
    env: {
      TZ: 'UTC',
      // A running statement occupies a thread; the rest are for parsing, cancelling and files.
      UV_THREADPOOL_SIZE: String(options.readSlots + options.writeSlots + 4),
    },
  })
  if (child.pid !== undefined) setPriority(child.pid, niceness)
  createInterface({ input: child.stderr! }).on('line', (line) => log.warn({ pid: child.pid }, line.slice(0, 1000)))
  let reason: string | undefined
  let heardAt = performance.now()
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(reason ?? `exit code ${code}, signal ${signal}`))
    child.once('error', (error) => resolve(error.message))
  })
  const ready = new Promise<{ port: number; version: string }>((resolve) => {
    child.on('message', (message: FromServer) => {
      heardAt = performance.now()
      if (message.kind === 'fatal') reason = message.reason
      if (message.kind === 'fatal' && message.stuckIn !== undefined) onStuck?.(message.stuckIn)
      if (message.kind === 'ready') resolve(message)
    })
  })
  tell(child, { kind: 'start', options })
  const timeout = new AbortController()
  const first = await Promise.race([
    ready,
    exited,
    sleep(startTimeoutMs, 'it did not answer in time', { signal: timeout.signal }),
  ])
  timeout.abort()
  if (typeof first === 'string') {
    child.kill('SIGKILL')
    throw new Error(`The embedded warehouse did not start in ${options.directory}: ${first}`)
  }
  let tickedAt = performance.now()
  const heartbeat = setInterval(() => {
    // While this process itself did not run it could not hear anything.
    if (performance.now() - tickedAt > silenceMs / 2) heardAt = performance.now()
    tickedAt = performance.now()
    if (hasCrashed(child.pid)) reason = 'it crashed'
    else if (performance.now() - heardAt > silenceMs) reason = 'it stopped responding'
    else return tell(child, { kind: 'ping' })
    child.kill('SIGKILL')
  }, heartbeatMs)
  heartbeat.unref()
  void exited.then(() => clearInterval(heartbeat))
  return {
    pid: child.pid,
    ...first,
    exited,
    stop(timeoutMs) {
      tell(child, { kind: 'stop' })
      const force = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
      void exited.then(() => clearTimeout(force))
    },
  }
}

/** Whether it still listens is learnt from `exited`, so a failure to tell is nothing new. */
function tell(child: ChildProcess, message: ToServer): void {
  if (child.connected) child.send(message, () => undefined)
}
