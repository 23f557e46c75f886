import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { controlEnv } from './control.ts'
import { logEnv } from './log.ts'

const program = fileURLToPath(new URL('../../core/main.ts', import.meta.url))

export interface RunningCore {
  readonly http: string
  readonly grpc: string
  /** The first start on a data directory says it, once. */
  readonly adminKey: string | undefined
  readonly pid: number
  readonly ended: Promise<unknown>
  /** As a power cut would. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** The core alone, in a process of its own, without an edge. */
export async function startCore(data: string, env: Readonly<Record<string, string>> = {}): Promise<RunningCore> {
  const child = spawn(process.execPath, [program], {
    env: {
      ...process.env,
      LOG_LEVEL: 'error',
      EDGEWISE_DATA: data,
      CORE_HTTP_PORT: '0',
      CORE_GRPC_PORT: '0',
      ...(await controlEnv(data)),
      ...logEnv(data),
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const over = new Promise((resolve) => child.once('exit', resolve))
  let complaints = ''
  child.stderr?.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-8_000)))
  const ready = await new Promise<{ http: string; grpc: string; adminKey?: string }>((resolve, reject) => {
    child.once('message', (said) => resolve(said as { http: string; grpc: string }))
    child.once('exit', (code, signal) => reject(new Error(`The core ended (${code ?? signal}):\n${complaints}`)))
  })
  return {
    http: ready.http,
    grpc: ready.grpc,
    adminKey: ready.adminKey,
    pid: child.pid ?? 0,
    ended: over,
    kill: () => ended(child, 'SIGKILL'),
    stop: () => ended(child, 'SIGTERM'),
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await gone
}
