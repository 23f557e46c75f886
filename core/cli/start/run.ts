import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '#mesh/client/index.ts'
import type { Role } from '#mesh/roles.ts'
import { secretFile } from '../../secrets.ts'
import type { CliEnv } from '../env.ts'
import { CliError, startExits } from '../exit.ts'
import { packageRoot } from '../root.ts'
import { buildEdge } from './bundle.ts'
import { type Child, type CoreReady, startCore } from './core.ts'
import { startDevEdge, startEdge } from './edge.ts'
import { type LogFile, openLog, warningOf } from './logs.ts'
import { isPortTaken, listenerOf } from './ports.ts'
import { forgetRunning, readRunning, saveRunning } from './running.ts'
import { reasonOf, supervise } from './supervise.ts'
import { restartOnSave } from './reload.ts'

export interface StartOptions {
  readonly data: string
  readonly host: string
  readonly port: number
  readonly dev: boolean
  readonly verbose: boolean
}

export interface Started extends CoreReady {
  readonly url: string
  readonly readyMs: number
  readonly built: boolean
  readonly logs: string
}

const readyWithinMs = 60_000
const edgeGraceMs = 6_000
const coreGraceMs = 30_000
/** Exits that say in words what is wrong. */
const toldExits: ReadonlySet<number | null> = new Set(
  Object.values(startExits).filter((code) => code !== startExits.crashed),
)

/** Starts core and edge, tells when they are ready, and keeps them running until `signal`. */
export async function run(
  options: StartOptions,
  env: CliEnv,
  hooks: {
    readonly signal: AbortSignal
    readonly ready: (started: Started) => Promise<void>
    readonly say: (text: string) => void
  },
): Promise<void> {
  const began = performance.now()
  const data = resolve(options.data)
  const root = packageRoot()
  makeDirectory(join(data, 'logs'))
  await checkPorts(options, env, data)

  const logs = { core: openLog(join(data, 'logs', 'core.log')), edge: openLog(join(data, 'logs', 'edge.log')) }
  const edgeToken = env.edgeToken ?? secretFile(join(data, 'edge.token'))
  const coreWith = (http: number, grpc: number): Child<CoreReady> =>
    startCore({
      log: logs.core,
      env: {
        ...env.all,
        EDGEWISE_DATA: data,
        ROLES: 'all',
        EDGE_TOKEN: edgeToken,
        CORE_HTTP_PORT: String(http),
        CORE_GRPC_PORT: String(grpc),
      },
    })

  const running: { stop(): Promise<unknown> }[] = []
  try {
    const core = coreWith(env.coreHttpPort, env.coreGrpcPort)
    const early = { stop: () => core.stop(coreGraceMs) }
    running.push(early)
    const [ready, bundle] = await abortable(
      hooks.signal,
      Promise.all([coreReady(core, logs.core), options.dev ? undefined : buildEdge(root, env.all)]),
    )

    // A core that is started again must be where the edge looks for it.
    const ports = { http: portOf(ready.http), grpc: portOf(ready.grpc) }
    const cores = supervise(
      {
        name: 'core',
        first: core,
        again: () => coreWith(ports.http, ports.grpc),
        // A database that is away comes back.
        hopeless: ({ code }) => toldExits.has(code) && code !== startExits.databaseAway,
        graceMs: coreGraceMs,
      },
      hooks.say,
    )
    running[0] = cores

    const edgeOptions = {
      ...options,
      root,
      data,
      edgeToken,
      env: env.all,
      log: logs.edge,
      cores: everywhere(new URL(ready.http).host),
    }
    const processes = options.dev ? 1 : env.edgeProcesses
    const edgeAt = (port: number, share: number): Promise<Child<number>> =>
      (options.dev ? startDevEdge : startEdge)({ ...edgeOptions, port, ...(processes > 1 && { share }) })
    const children: Child<number>[] = []
    running.unshift({ stop: () => Promise.all(children.map((child) => child.stop(edgeGraceMs))) })
    let { port } = options
    while (children.length < processes) {
      const child = await edgeAt(port, children.length)
      children.push(child)
      port = await abortable(hooks.signal, edgeReady(child, logs.edge))
    }
    const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`
    await abortable(hooks.signal, answers(url, children, logs.edge))
    const edges = children.map((first, share) =>
      supervise(
        { name: 'edge', first, again: () => edgeAt(port, share), hopeless: () => false, graceMs: edgeGraceMs },
        hooks.say,
      ),
    )
    running[0] = { stop: () => Promise.all(edges.map((edge) => edge.stop())) }

    saveRunning(data, { pid: process.pid, url, coreHttp: ready.http, coreGrpc: ready.grpc })
    for (const [name, log] of Object.entries(logs)) {
      log.follow((line) => {
        const text = options.verbose || (options.dev && name === 'edge') ? line : warningOf(line)
        if (text !== undefined) hooks.say(`${name}: ${text}`)
      })
    }
    const reload = options.dev ? restartOnSave(root, () => cores, hooks.say) : undefined
    await hooks.ready({
      ...ready,
      url,
      data,
      readyMs: performance.now() - began,
      built: bundle?.built ?? false,
      logs: join(data, 'logs'),
    })

    const failed = await abortable(hooks.signal, Promise.race([cores.failed, ...edges.map(({ failed }) => failed)]))
    reload?.()
    throw ended(failed.name, reasonOf(failed.end), failed.name === 'core' ? logs.core : logs.edge)
  } catch (error) {
    if (!hooks.signal.aborted) throw error
  } finally {
    // The door first, then what it leads to.
    for (const one of running) await one.stop()
    forgetRunning(data)
    logs.core.close()
    logs.edge.close()
  }
}

/** All roles are one process here. */
function everywhere(address: string): Readonly<Record<Role, string>> {
  return { identity: address, ingest: address, query: address, model: address }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new CliError(`The data directory cannot be made: ${message}`, {
      exitCode: code === 'ENOSPC' ? startExits.diskFull : startExits.cannotCreate,
      hint: 'Give another one with --data or EDGEWISE_DATA.',
    })
  }
}

async function checkPorts({ host, port }: StartOptions, env: CliEnv, data: string): Promise<void> {
  const here = readRunning(data)
  if (here !== undefined) {
    throw new CliError(`Edgewise runs already on ${data}: ${here.url} (process ${here.pid}).`, {
      exitCode: startExits.locked,
      hint: 'Use that one, stop it, or start another with --data and --port.',
    })
  }
  const wanted = [
    { name: 'the gateway', port, way: '--port or PORT' },
    { name: 'the core (HTTP)', port: env.coreHttpPort, way: 'CORE_HTTP_PORT' },
    { name: 'the core (gRPC)', port: env.coreGrpcPort, way: 'CORE_GRPC_PORT' },
  ]
  for (const one of wanted) {
    if (one.port === 0 || !(await isPortTaken(host, one.port))) continue
    const owner = listenerOf(one.port)
    throw new CliError(
      `Port ${one.port}, for ${one.name}, is in use${owner === undefined ? '' : ` by process ${owner}`}.`,
      {
        exitCode: startExits.portInUse,
        hint: `${owner === undefined ? `See who has it (lsof -i :${one.port})` : 'Stop that process'}, or choose another port by ${one.way}.`,
      },
    )
  }
}

async function coreReady(core: Child<CoreReady>, log: LogFile): Promise<CoreReady> {
  const first = await Promise.race([core.ready, core.ended])
  if ('ready' in first || 'http' in first) return first as CoreReady
  // Its last words say why, and its exit code says what kind of trouble it is.
  const { code } = first
  if (code !== null && toldExits.has(code)) {
    throw new CliError(lastWords(log), { exitCode: code })
  }
  throw ended('core', reasonOf(first), log)
}

function lastWords(log: LogFile): string {
  const lines = log.last(20).split('\n')
  const from = lines.findLastIndex((line) => line.startsWith('{'))
  return lines.slice(from + 1).join('\n') || lines.slice(-1).join('')
}

async function edgeReady(edge: Child<number>, log: LogFile): Promise<number> {
  const first = await Promise.race([edge.ready, edge.ended])
  if (typeof first === 'number') return first
  throw ended('edge', reasonOf(first), log)
}

/** Waits for the first 200 of /health/ready: the edge answers, and reaches the core. */
async function answers(url: string, edges: readonly Child<number>[], log: LogFile): Promise<void> {
  const client = createClient({ url, timeoutMs: 2_000, retries: 0 })
  const deadline = Date.now() + readyWithinMs
  let over = false
  const gone = Promise.race(edges.map((edge) => edge.ended)).then((end) => {
    over = true
    return end
  })
  for (;;) {
    try {
      await client.ready()
      return
    } catch (error) {
      if (over) throw ended('edge', reasonOf(await gone), log)
      if (Date.now() > deadline) {
        throw new CliError(`The gateway is not ready after ${readyWithinMs / 1000} s: ${(error as Error).message}`, {
          exitCode: startExits.crashed,
          hint: `See ${log.path}.`,
        })
      }
      await sleep(25)
    }
  }
}

function ended(name: string, reason: string, log: LogFile): CliError {
  return new CliError(`The ${name} does not stay up (${reason}). Its last words:\n${log.last(10)}`, {
    exitCode: startExits.crashed,
    hint: `See ${log.path}, and \`edgewise doctor\`.`,
  })
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1).replace(/\/$/, ''))
}

async function abortable<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let leave: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (leave !== undefined) signal.removeEventListener('abort', leave)
    work.catch(() => undefined)
  }
}
