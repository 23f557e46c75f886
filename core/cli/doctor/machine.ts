import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Finding } from '../doctor.ts'
import type { CliEnv } from '../env.ts'
import { workerdPath } from '../root.ts'
import { isPortTaken, listenerOf } from '../start/ports.ts'
import type { Running } from '../start/running.ts'

const run = promisify(execFile)
const timeoutMs = 15_000
const neededMajor = 24
const fewFiles = 8_192
const reinstall = 'Run `npm ci` again, with install scripts allowed (package.json, allowScripts).'

/** Node, the binaries and the ports. */
export async function checkMachine(env: CliEnv, running: Running | undefined): Promise<readonly Finding[]> {
  const major = Number(process.versions.node.split('.')[0])
  const node: Finding =
    major >= neededMajor
      ? { level: 'ok', what: `Node ${process.versions.node}` }
      : {
          level: 'broken',
          what: `Node ${process.versions.node} is too old`,
          mend: `Use Node ${neededMajor}: \`npm ci\` installs it into node_modules/.bin.`,
        }
  const binaries = await Promise.all([
    loads('workerd', () =>
      run(workerdPath(), ['--version'], { timeout: timeoutMs }).then(({ stdout }) => stdout.trim()),
    ),
    // In a process of its own: a library that does not fit this machine may end the process that loads it.
    loads('chDB', () =>
      run(process.execPath, ['-e', "import('chdb').then(() => console.log('loads'))"], { timeout: timeoutMs }).then(
        ({ stdout }) => stdout.trim(),
      ),
    ),
  ])
  return [node, ...binaries, ...descriptors(), ...(running === undefined ? await ports(env) : [])]
}

/** workerd holds two for each connection, and ends where it can have no more. Nothing is said where the system does not. */
function descriptors(): readonly Finding[] {
  let limits: string
  try {
    limits = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return []
  }
  const most = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
  if (Number.isNaN(most)) return []
  const what = `${most} open files at most: about ${Math.floor(most / 2)} connections of the gateway`
  return most >= fewFiles
    ? [{ level: 'ok', what }]
    : [{ level: 'warning', what, mend: 'Raise it (`ulimit -n 65536`), or bound connections in a proxy in front.' }]
}

async function loads(name: string, probe: () => Promise<string>): Promise<Finding> {
  try {
    return { level: 'ok', what: `${name}: ${await probe()}` }
  } catch (error) {
    return {
      level: 'broken',
      what: `${name} does not run: ${(error as Error).message.split('\n')[0] ?? ''}`,
      mend: reinstall,
    }
  }
}

async function ports(env: CliEnv): Promise<readonly Finding[]> {
  const wanted = [
    { name: 'PORT', port: env.port ?? 8787 },
    { name: 'CORE_HTTP_PORT', port: env.coreHttpPort },
    { name: 'CORE_GRPC_PORT', port: env.coreGrpcPort },
  ]
  const taken = await Promise.all(
    wanted.map(async (one) => ({ ...one, taken: one.port !== 0 && (await isPortTaken('127.0.0.1', one.port)) })),
  )
  return taken.map(({ name, port, taken: busy }) =>
    busy
      ? {
          level: 'warning',
          what: `Port ${port} (${name}) is in use by process ${listenerOf(port) ?? 'unknown'}`,
          mend: `Stop it, or set ${name}.`,
        }
      : { level: 'ok', what: `Port ${port} (${name}) is free` },
  )
}
