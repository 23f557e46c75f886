import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Role } from '#mesh/roles.ts'
import { workerdPath } from '../root.ts'
import { wranglerEnv, wranglerPath } from './bundle.ts'
import { type Child, endOf, stopping } from './core.ts'
import type { LogFile } from './logs.ts'
import { sharedSocket } from './sockets.ts'

export interface EdgeOptions {
  readonly root: string
  readonly data: string
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Where each role of the core is: `127.0.0.1:8788`. */
  readonly cores: Readonly<Record<Role, string>>
  readonly edgeToken: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: LogFile
  /** Which of several that share the port; undefined where there is one. */
  readonly share?: number
}

/**
 * workerd cannot notice that its parent is gone. So a shell stands between: it runs the program and waits for the end of
 * its own standard input, a pipe that only `start` holds. Where that closes, by whatever death, the program is ended.
 */
const guard = `
exec 4<&0
"$@" 4<&- </dev/null &
pid=$!
( exec 3>&- 5<&-; read -r _ <&4; kill -TERM "$pid"; sleep 5; kill -KILL "$pid" ) >/dev/null 2>&1 &
watch=$!
exec 3>&- 4<&- 5<&-
wait "$pid"; code=$?
kill "$watch" 2>/dev/null
exit "$code"`

interface Guarded extends Child<number> {}

function guarded(
  command: readonly string[],
  options: Pick<EdgeOptions, 'env' | 'log' | 'root'>,
  socket?: number,
): Guarded {
  const child = spawn('/bin/sh', ['-c', guard, 'edgewise-edge', ...command], {
    cwd: options.root,
    env: options.env,
    stdio: ['pipe', options.log.fd, options.log.fd, 'pipe', 'ignore', socket ?? 'ignore'],
    detached: true,
  })
  child.stdin?.on('error', () => undefined)
  const ended = endOf(child)
  // workerd tells the port that it got, on the control channel.
  const ready = new Promise<number>((resolve) => {
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
      const { event, socket, port } = JSON.parse(line) as { event?: string; socket?: string; port?: number }
      if (event === 'listen' && socket === 'http' && port !== undefined) resolve(port)
    })
  })
  return {
    pid: child.pid,
    ready,
    ended,
    stop: (graceMs) => stopping(child.pid, ended, () => child.stdin?.end(), graceMs),
  }
}

/** The edge as it is meant to be run: the built bundle in one workerd. Several share a port, and their limits by Redis. */
export async function startEdge(options: EdgeOptions): Promise<Child<number>> {
  const { root, data, host, port, cores, edgeToken, env, share } = options
  const { identity: core, ...others } = cores
  const objects = join(data, share ? `edge-${share}` : 'edge')
  mkdirSync(objects, { recursive: true, mode: 0o700 })
  const socket = share === undefined ? undefined : await sharedSocket(host, port)
  const command = [
    workerdPath(),
    'serve',
    join(root, 'infra', 'workerd.capnp'),
    socket === undefined ? `--socket-addr=http=${host}:${port}` : '--socket-fd=http=5',
    ...Object.entries({ core, ...others }).map(([name, address]) => `--external-addr=${name}=${address}`),
    `--directory-path=do=${objects}`,
    '--control-fd=3',
  ]
  const limits = socket !== undefined && { LIMITS: 'redis' }
  const child = guarded(command, { ...options, env: { ...edgeEnv(env), ...limits, EDGE_TOKEN: edgeToken } }, socket?.fd)
  socket?.close()
  return socket === undefined ? child : { ...child, ready: child.ready.then(() => socket.port) }
}

/** The edge that is built again whenever a source of it is saved. */
export async function startDevEdge(options: EdgeOptions): Promise<Child<number>> {
  const { root, data, host, port, cores, edgeToken, env } = options
  // Not on the command line, where every user of the machine could read it.
  const secrets = join(data, 'edge.env')
  writeFileSync(secrets, `EDGE_TOKEN=${edgeToken}\nCORE_URL=http://${cores.identity}\n`, { mode: 0o600 })
  chmodSync(secrets, 0o600)
  const command = [
    process.execPath,
    wranglerPath(root),
    'dev',
    '--ip',
    host,
    '--port',
    String(port),
    '--env-file',
    secrets,
  ]
  command.push('--persist-to', join(data, 'edge-dev'), '--show-interactive-dev-session=false')
  const child = guarded(command, { ...options, env: { ...env, ...wranglerEnv } })
  return { ...child, ready: Promise.resolve(port) }
}

/** What the edge's configuration reads (infra/workerd.capnp), and nothing else of the environment. */
function edgeEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const names = [
    'PATH',
    'TZ',
    'METRICS_TOKEN',
    'AUTH_STALE_SECONDS',
    'LIMITS',
    'CACHE_MAX_BYTES',
    'EVENTS_MAX_BYTES',
    'CLIENT_ADDRESS_HEADER',
  ]
  return Object.fromEntries(names.map((name) => [name, env[name]]))
}
