import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { DescService } from '@bufbuild/protobuf'
import { controlEnv } from './control.ts'
import { temporaryDirectory } from './directory.ts'
import { logEnv } from './log.ts'
import { startSplit } from './split.ts'

const program = fileURLToPath(new URL('../../core/cli/main.ts', import.meta.url))

export interface Product {
  readonly url: string
  /** The administrator's. */
  readonly key: string
  readonly data: string
  readonly core: {
    readonly http: string
    readonly grpc: string
    /** Where a service is answered by gRPC. */
    grpcOf(service: Pick<DescService, 'typeName'>): string
  }
  /** What `start` said: how long it took, and whether the edge was built. */
  readonly readyMs: number
  readonly built: boolean
  readonly pid: number
  /** The end of what it logged. */
  log(): string
  corePid(): number
  /** Ends the core as a power cut would, and waits until the one that takes its place answers through the gateway. */
  killCore(): Promise<void>
  /** Stops everything in order; the data stay where the caller gave the directory. */
  stop(): Promise<void>
}

export interface ProductOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Else a temporary directory, removed at the end. */
  readonly data?: string
  readonly port?: number
}

interface Said {
  readonly url: string
  readonly http: string
  readonly grpc: string
  readonly readyMs: number
  readonly built: boolean
}

/** What `start` wrote down: the key is said once only, and a second start must find it. */
interface Credentials {
  readonly profiles: { readonly default: { readonly key: string } }
}

const startWithinMs = 60_000
/** A broker of Kafka: the product is started as separate roles over it then. `test/e2e/roles.test.ts` sets it. */
const splitOver = process.env['TEST_SPLIT_OVER'] || undefined

/** The real product as a user starts it, on ports of its own. A plan that no test reaches is in force, but a plan. */
export async function startProduct({ env = {}, data, port = 0 }: ProductOptions = {}): Promise<Product> {
  if (splitOver !== undefined) return startSplit({ env, port, kafka: splitOver })
  const temporary = data === undefined ? temporaryDirectory() : undefined
  const directory = data ?? join(temporary?.path ?? '', 'data')
  const child = spawn(process.execPath, [program, 'start', '--json', '--data', directory, '--port', String(port)], {
    env: {
      ...process.env,
      LOG_LEVEL: 'warn',
      CORE_HTTP_PORT: '0',
      CORE_GRPC_PORT: '0',
      DEFAULT_PLAN_REQUESTS: '100000000',
      ...(await controlEnv(directory)),
      ...logEnv(directory),
      ...env,
    },
    // The channel: it stops when this process is gone, however it went.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let complaints = ''
  child.stderr?.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-8_000)))
  const said = await firstLine(child).catch(async (cause: unknown) => {
    await ended(child)
    temporary?.remove()
    throw new Error(`The product does not start:\n${complaints}`, { cause })
  })
  const { url, http, grpc, readyMs, built } = JSON.parse(said) as Said
  const { profiles } = JSON.parse(readFileSync(join(directory, 'credentials.json'), 'utf8')) as Credentials
  const corePid = (): number => Number.parseInt(readFileSync(join(directory, 'pid'), 'utf8'), 10)

  return {
    url,
    key: profiles.default.key,
    data: directory,
    core: { http, grpc, grpcOf: () => grpc },
    readyMs,
    built,
    pid: child.pid ?? 0,
    corePid,
    log: () => complaints,
    async killCore() {
      const before = corePid()
      process.kill(before, 'SIGKILL')
      const until = Date.now() + startWithinMs
      for (;;) {
        await sleep(50)
        if (child.exitCode !== null || Date.now() > until)
          throw new Error(`The core does not come back:\n${complaints}`)
        if (corePid() !== before && (await answers(http))) return
      }
    },
    async stop() {
      await ended(child)
      temporary?.remove()
    },
  }
}

async function answers(core: string): Promise<boolean> {
  try {
    return (await fetch(new URL('/health/ready', core), { signal: AbortSignal.timeout(1_000) })).ok
  } catch {
    return false
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) return reject(new Error('no stdout'))
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`It ended with ${String(code)}.`)))
    setTimeout(() => reject(new Error(`It is not ready after ${startWithinMs / 1_000} s.`)), startWithinMs).unref()
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 40_000)
  await gone
  clearTimeout(timer)
}
