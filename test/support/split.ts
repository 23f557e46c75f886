import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Role, roleOf, roles } from '#mesh/roles.ts'
import { buildEdge } from '../../core/cli/start/bundle.ts'
import { type Child, killGroup } from '../../core/cli/start/core.ts'
import { startEdge } from '../../core/cli/start/edge.ts'
import { openLog } from '../../core/cli/start/logs.ts'
import { supervise } from '../../core/cli/start/supervise.ts'
import { packageRoot } from '../../core/cli/root.ts'
import { freePort } from '../e2e/edge-harness.ts'
import { controlEnv } from './control.ts'
import { type RunningCore, startCore } from './core.ts'
import { temporaryDirectory } from './directory.ts'
import type { Product, ProductOptions } from './product.ts'

export type Part = Role | 'warehouse'

const parts: readonly Part[] = ['warehouse', ...roles]

/** A product whose core is a process for each role, over PostgreSQL, Kafka and the warehouse that is one of them. */
export interface Split extends Product {
  /** Ends one as a power cut would; who keeps it running starts another. */
  kill(part: Part | 'edge'): Promise<void>
  /** Ends one in good order, and starts no other. */
  drop(part: Part): Promise<void>
  /** Resolves when all of them are ready. */
  ready(): Promise<void>
  /** What one of them is started with: for another beside it, on other ports. */
  environmentOf(part: Part): Readonly<Record<string, string>>
  /** How often each was started again. */
  restarts(): Readonly<Record<string, number>>
}

export interface SplitOptions extends ProductOptions {
  /** `kafka://host:port`. */
  readonly kafka: string
  readonly databaseUrl?: string
}

interface Kept {
  readonly http: string
  adminKey(): string | undefined
  pid(): number
  restarts(): number
  complaints(): string
  kill(): Promise<void>
  stop(): Promise<void>
}

const startWithinMs = 90_000
const pauseMs = 250
const maxRestarts = 50

/** As whatever runs containers does: one that ends is started again. */
async function keep(data: string, env: Readonly<Record<string, string>>, port: number): Promise<Kept> {
  const stopped = new AbortController()
  let restarts = 0
  let complaints = ''

  /** Where what it stands on does not answer yet, it ends: so it is started until it stays. */
  async function begin(): Promise<RunningCore | undefined> {
    while (!stopped.signal.aborted) {
      const core = await startCore(data, env).catch((error: unknown) => void (complaints = String(error)))
      if (core !== undefined) return core
      if (restarts++ > maxRestarts) throw new Error(complaints)
      await sleep(pauseMs)
    }
    return undefined
  }

  const first = await begin()
  if (first === undefined) throw new Error(complaints)
  let core = first
  const { adminKey } = core
  const kept = (async () => {
    while (!stopped.signal.aborted) {
      await core.ended
      if (stopped.signal.aborted) return
      restarts++
      await sleep(pauseMs)
      core = (await begin()) ?? core
    }
  })()
  // Told by whoever waits until it is ready.
  kept.catch(() => undefined)
  return {
    http: `http://127.0.0.1:${port}`,
    adminKey: () => adminKey,
    pid: () => core.pid,
    restarts: () => restarts,
    complaints: () => complaints,
    kill: () => core.kill(),
    async stop() {
      stopped.abort()
      await core.stop()
      await kept
      await core.stop()
    },
  }
}

async function isReady(http: string): Promise<boolean> {
  return fetch(new URL('/health/ready', http), { signal: AbortSignal.timeout(1_000) }).then(
    ({ ok }) => ok,
    () => false,
  )
}

export async function startSplit({ env = {}, port = 0, kafka, databaseUrl }: SplitOptions): Promise<Split> {
  const began = performance.now()
  const directory = temporaryDirectory()
  const at = (name: string): string => join(directory.path, name)
  const root = packageRoot()
  const bundle = await buildEdge(root, process.env)
  const edgeToken = randomBytes(32).toString('base64url')
  const password = randomBytes(24).toString('base64url')
  const [warehousePort, gatewayPort] = [await freePort(), port === 0 ? await freePort() : port]
  const ports = {} as Record<Part, { http: number; grpc: number }>
  for (const part of parts) ports[part] = { http: await freePort(), grpc: await freePort() }
  const kept = {} as Record<Part, Kept>

  const shared = {
    ...(databaseUrl === undefined ? await controlEnv(directory.path) : { DATABASE_URL: databaseUrl }),
    KAFKA_URL: `${kafka}?prefix=t${randomBytes(6).toString('hex')}&timeout_ms=2000`,
    CLICKHOUSE_URL: `http://default:${password}@127.0.0.1:${warehousePort}`,
    EDGEWISE_MASTER_KEY: randomBytes(32).toString('base64'),
    EDGE_TOKEN: edgeToken,
    MODEL_GRPC: `127.0.0.1:${ports.model.grpc}`,
    DEFAULT_PLAN_REQUESTS: '100000000',
    LOG_LEVEL: 'warn',
    ...env,
  }
  const environmentOf = (part: Part) => ({
    ...(part !== 'warehouse' && shared),
    ROLES: part,
    CORE_HTTP_PORT: String(ports[part].http),
    CORE_GRPC_PORT: String(ports[part].grpc),
    WAREHOUSE_PORT: String(warehousePort),
    WAREHOUSE_PASSWORD: password,
  })
  kept.warehouse = await keep(at('warehouse'), environmentOf('warehouse'), ports.warehouse.http)
  await Promise.all(
    roles.map(async (role) => {
      kept[role] = await keep(at(role), environmentOf(role), ports[role].http)
    }),
  )
  mkdirSync(at('logs'))
  const log = openLog(at('logs/edge.log'))
  let edge: Child<number>
  const edgeAgain = async (): Promise<Child<number>> =>
    (edge = await startEdge({
      root,
      data: directory.path,
      host: '127.0.0.1',
      port: gatewayPort,
      cores: Object.fromEntries(roles.map((role) => [role, `127.0.0.1:${ports[role].http}`])) as Record<Role, string>,
      edgeToken,
      env: { ...process.env, ...env },
      log,
    }))
  const first = await edgeAgain()
  const edges = supervise(
    { name: 'edge', first, again: edgeAgain, hopeless: () => false, graceMs: 6_000 },
    () => undefined,
  )
  const url = `http://127.0.0.1:${await first.ready}`
  const all = () => Object.values(kept)

  async function ready(): Promise<void> {
    const until = Date.now() + startWithinMs
    for (;;) {
      const answers = await Promise.all([url, ...all().map(({ http }) => http)].map(isReady))
      if (answers.every(Boolean)) return
      if (Date.now() > until) {
        const silent = ['edge', ...Object.keys(kept)].filter((_, i) => !answers[i])
        throw new Error(
          `Not ready: ${silent.join(', ')}\n${all()
            .map((one) => one.complaints())
            .join('\n')}`,
        )
      }
      await sleep(50)
    }
  }
  await ready()

  return {
    url,
    key: kept.identity.adminKey() ?? '',
    // What it has of its own: the artefacts of models.
    data: at('model'),
    core: {
      http: kept.model.http,
      grpc: `127.0.0.1:${ports.model.grpc}`,
      grpcOf: (service) => `127.0.0.1:${ports[roleOf(service)].grpc}`,
    },
    readyMs: performance.now() - began,
    built: bundle.built,
    pid: process.pid,
    corePid: () => kept.ingest.pid(),
    log: () =>
      all()
        .map((one) => one.complaints())
        .join('\n'),
    async killCore() {
      await Promise.all(roles.map((role) => kept[role].kill()))
      await ready()
    },
    async kill(part) {
      if (part !== 'edge') return kept[part].kill()
      const { ended, pid } = edge
      killGroup(pid)
      await ended
    },
    drop: (part) => kept[part].stop(),
    ready,
    environmentOf,
    restarts: () => Object.fromEntries(Object.entries(kept).map(([part, one]) => [part, one.restarts()])),
    async stop() {
      await edges.stop()
      await Promise.all(roles.map((role) => kept[role].stop()))
      await kept.warehouse.stop()
      log.close()
      directory.remove()
    },
  }
}
