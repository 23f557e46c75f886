/**
 * The embedded warehouse's process: chDB behind the part of ClickHouse's HTTP protocol that the core uses. Started by
 * spawn.ts, which tells it everything over the channel between them; it ends when that channel does.
 */
import { timingSafeEqual } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { answer, type Bounds } from './answer.ts'
import { openEngine, type Engine } from './engine.ts'
import { createLane } from './lane.ts'
import { makePipes } from './pipe.ts'
import { createBudget } from './receive.ts'
import { createWatch } from './watch.ts'
import { exception, sendException } from './wire.ts'

export interface ServerOptions {
  readonly directory: string
  readonly host: string
  /** 0 for any. */
  readonly port: number
  readonly username: string
  readonly password: string
  readonly readSlots: number
  readonly writeSlots: number
  readonly queue: number
  /** Bound of all queries together. */
  readonly memoryBytes: number
  /** Past this the process ends itself. */
  readonly maxRssBytes: number
  readonly lockTimeoutMs: number
}

export type ToServer =
  | { readonly kind: 'start'; readonly options: ServerOptions }
  | { readonly kind: 'ping' }
  | { readonly kind: 'stop' }
export type FromServer =
  | { readonly kind: 'ready'; readonly port: number; readonly version: string }
  | { readonly kind: 'pong' }
  | { readonly kind: 'fatal'; readonly reason: string; readonly stuckIn?: string | undefined }

const bounds: Bounds = {
  maxStatementBytes: 1024 * 1024,
  maxInsertBytes: 64 * 1024 * 1024,
  maxWholeBytes: 16 * 1024 * 1024,
  holdBytes: 64 * 1024,
  defaultTimeoutMs: 600_000,
}

/** Bodies of all requests that wait or run. */
const maxHeldBytes = 4 * bounds.maxInsertBytes

process.once('message', (message: ToServer) => {
  if (message.kind === 'start') void serve(message.options).catch((thrown: unknown) => dieFor(thrown))
})
// The parent is gone: kill -9 is the one way out that waits for nothing, and the engine survives it.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A terminal's Ctrl-C reaches the whole group; only the parent decides.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

async function serve(options: ServerOptions): Promise<void> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 })
  const engine = await openLocked(options)
  const pipes = Array.from({ length: options.readSlots }, (_, slot) => join(options.directory, `result-${slot}.pipe`))
  makePipes(pipes)
  const lane = (slots: number) => createLane({ slots, queue: options.queue })
  const [parse, read, write] = [lane(2), lane(options.readSlots), lane(options.writeSlots)]
  const watch = createWatch(engine, {
    graceMs: 2000,
    onStuck: (database) => dieFor('a query did not end when it was told to', database),
  })
  const stopping = new AbortController()
  const budget = createBudget(maxHeldBytes)
  const deps = { engine, watch, parse, read, write, pipes, bounds, budget, stopping: stopping.signal }
  const answering = new Set<Promise<unknown>>()
  const expected = Buffer.from(`Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`)

  const server = createServer({ maxHeaderSize: 1024 * 1024, keepAliveTimeout: 60_000 }, (req, res) => {
    if (req.url === '/ping') return void res.end('Ok.\n')
    if (!authenticated(req, expected))
      return sendException(res, 401, exception(516, 'AUTHENTICATION_FAILED', 'Authentication failed.'))
    res.on('error', () => undefined)
    const closed = new Promise((resolve) => res.once('close', resolve))
    const answered = Promise.all([answer(deps, req, res), closed])
    answering.add(answered)
    void answered.finally(() => answering.delete(answered))
  })
  server.on('error', (error) => dieFor(error))
  server.listen(options.port, options.host, () => {
    tell({ kind: 'ready', port: (server.address() as AddressInfo).port, version: engine.version })
  })

  setInterval(() => {
    const rss = process.memoryUsage.rss()
    if (rss > options.maxRssBytes) dieFor(`its memory reached ${Math.round(rss / 2 ** 20)} MiB`)
  }, 250).unref()

  process.on('message', (message: ToServer) => {
    if (message.kind === 'ping') tell({ kind: 'pong' })
    if (message.kind !== 'stop') return
    server.close()
    stopping.abort()
    // Should one of them not end, the parent ends the process.
    void Promise.all(answering).then(() => {
      engine.close()
      process.exit(0)
    })
  })
}

/** The directory's last owner may still be on its way out. */
async function openLocked({ directory, memoryBytes, lockTimeoutMs }: ServerOptions): Promise<Engine> {
  const giveUp = Date.now() + lockTimeoutMs
  for (;;) {
    try {
      return openEngine({ directory, memoryBytes })
    } catch (thrown) {
      if (Date.now() > giveUp)
        throw new Error(`Another process may hold ${directory}: ${String(thrown)}`, { cause: thrown })
      await sleep(50)
    }
  }
}

function authenticated(req: IncomingMessage, expected: Buffer): boolean {
  const given = Buffer.from(req.headers.authorization ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function tell(message: FromServer): void {
  process.send?.(message)
}

function dieFor(reason: unknown, stuckIn?: string): void {
  const text = reason instanceof Error ? reason.message : String(reason)
  const fatal: FromServer = { kind: 'fatal', reason: text, stuckIn }
  process.send?.(fatal, () => process.kill(process.pid, 'SIGKILL'))
}
