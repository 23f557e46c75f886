import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { ended, freePort, untilUp } from '../e2e/edge-harness.ts'
import { temporaryDirectory } from './directory.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface RunningWorker {
  readonly url: string
  stop(): Promise<void>
}

/** A Worker of somebody else's, on workerd, of one of the functions of a module: it may reach what listens on this machine. */
export async function startWorker(module: string, name: string): Promise<RunningWorker> {
  const { path, remove } = temporaryDirectory()
  await build({
    stdin: { contents: `import { ${name} as fetch } from './${module}'\nexport default { fetch }`, resolveDir: root },
    outfile: join(path, 'worker.js'),
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker'],
    logLevel: 'error',
  })
  const port = await freePort()
  writeFileSync(
    join(path, 'workerd.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "worker", worker = .worker), (name = "here", network = (allow = ["private", "local"]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-17", globalOutbound = "here",
);`,
  )
  const child = spawn(join(root, 'node_modules/.bin/workerd'), ['serve', join(path, 'workerd.capnp')], {
    stdio: 'inherit',
  })
  const url = `http://127.0.0.1:${port}/`
  await untilUp(url, child)
  return {
    url,
    async stop() {
      await ended(child)
      remove()
    },
  }
}
