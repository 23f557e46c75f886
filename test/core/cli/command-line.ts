import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const base = { ...process.env, CORE_HTTP_PORT: '0', CORE_GRPC_PORT: '0', EDGEWISE_URL: '', EDGEWISE_KEY: '' }

/** Runs one command line to its end, as a shell would. */
export async function edgewise(data: string, args: readonly string[], input = ''): Promise<Outcome> {
  const child = launch(data, args)
  child.stdin!.end(input)
  const [out, err] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')])
  return { code: child.exitCode, out, err }
}

export function launch(data: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['core/cli/edgewise.js', ...args], {
    env: { ...base, EDGEWISE_DATA: data },
    stdio: 'pipe',
  })
}

export interface RunningGateway {
  readonly process: ChildProcess
  readonly url: string
  readonly adminKey?: string
}

/** `edgewise start` on a free port; resolves when it says that it is ready. */
export async function startGateway(data: string): Promise<RunningGateway> {
  const child = launch(data, ['start', '--port', '0', '--json'])
  let err = ''
  child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const line = once(child.stdout!, 'data').then(([chunk]) => String(chunk))
  const said = await Promise.race([line, once(child, 'exit').then(() => '')])
  if (said === '') throw new Error(`edgewise start ended with ${child.exitCode}: ${err}`)
  return { ...(JSON.parse(said) as { url: string; adminKey?: string }), process: child }
}
