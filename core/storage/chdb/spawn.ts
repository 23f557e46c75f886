/** The embedded warehouse: keeps its process running at one address under one credential, and ends it. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Logger } from 'pino'

import { launch, type Running } from './launch.ts'
import type { ServerOptions } from './server.ts'

export interface EmbeddedWarehouseOptions {
  /** Its data directory; one process at a time owns it. */
  readonly directory: string
  /** Where it listens; any port of loopback without. */
  readonly host?: string
  readonly port?: number
  /** Of its user `default`; one that nobody else knows without. */
  readonly password?: string
  /** Queries at once. */
  readonly readSlots?: number
  /** Inserts and DDL at once: slots of their own, so that slow queries do not hold the sink up. */
  readonly writeSlots?: number
  /** Requests that may wait for a slot, for each kind. */
  readonly queue?: number
  /** Bound of all queries together; the process ends itself at twice this and 512 MiB. */
  readonly memoryBytes?: number
  readonly log: Logger
  /** A query in this database did not end when it was told to, and the process had to. */
  readonly onStuck?: (database: string) => void
}

export interface EmbeddedWarehouse {
  readonly url: string
  readonly username: string
  readonly password: string
  /** Of the running process; another after a restart. */
  readonly pid: number | undefined
  /** Whether it answers now. */
  ping(): Promise<boolean>
  /** Finishes what is being written, then ends the process. */
  close(): Promise<void>
}

const stopTimeoutMs = 15_000
const pingMs = 2_000
const firstBackoffMs = 50
const longestBackoffMs = 5000
/** A process that lived this long was sound: the next restart is quick again. */
const soundMs = 60_000

export async function startEmbeddedWarehouse({
  directory,
  host = '127.0.0.1',
  port: wanted = 0,
  password = randomBytes(24).toString('base64url'),
  readSlots = 4,
  writeSlots = 2,
  queue = 64,
  memoryBytes = 2 * 2 ** 30,
  log,
  onStuck,
}: EmbeddedWarehouseOptions): Promise<EmbeddedWarehouse> {
  const options: ServerOptions = {
    directory,
    host,
    port: wanted,
    username: 'default',
    password,
    readSlots,
    writeSlots,
    queue,
    memoryBytes,
    // An array that grows is there twice for a moment, and the allocator gives pages back after seconds only.
    maxRssBytes: memoryBytes * 2 + 512 * 2 ** 20,
    lockTimeoutMs: 30_000,
  }
  const closing = new AbortController()
  let running = await launch(options, { log, onStuck })
  const { port, version } = running
  log.info({ port, pid: running.pid, version }, 'embedded warehouse ready')

  async function restart(backoffMs: number): Promise<Running | undefined> {
    for (let waitMs = backoffMs; ; waitMs = Math.min(waitMs * 2, longestBackoffMs)) {
      await sleep(waitMs)
      if (closing.signal.aborted) return undefined
      try {
        return await launch({ ...options, port }, { log, onStuck })
      } catch (error) {
        log.error({ err: error }, 'embedded warehouse does not start')
      }
    }
  }

  async function keepRunning(): Promise<void> {
    for (let backoffMs = firstBackoffMs; ;) {
      const since = performance.now()
      const reason = await running.exited
      if (closing.signal.aborted) return
      log.error({ reason }, 'embedded warehouse stopped; starting it again')
      backoffMs = performance.now() - since > soundMs ? firstBackoffMs : Math.min(backoffMs * 2, longestBackoffMs)
      const next = await restart(backoffMs)
      if (next === undefined) return
      running = next
      log.info({ port, pid: running.pid }, 'embedded warehouse is back')
      if (closing.signal.aborted) running.stop(stopTimeoutMs)
    }
  }
  const kept = keepRunning()

  return {
    url: `http://${host}:${port}`,
    username: options.username,
    password: options.password,
    get pid() {
      return running.pid
    },
    ping: () =>
      fetch(`http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}/ping`, {
        signal: AbortSignal.timeout(pingMs),
      }).then(
        ({ ok }) => ok,
        () => false,
      ),
    async close() {
      closing.abort()
      running.stop(stopTimeoutMs)
      await kept
    },
  }
}
