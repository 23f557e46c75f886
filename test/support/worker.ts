import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { ended, freePort, type Running, untilUp } from '../e2e/edge-harness.ts'
import { temporaryDirectory } from './directory.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface WorkerOptions {
  readonly file: string
  readonly handler: string
  /** `host:port` to which all goes that it asks, whatever host it names. Without it, it may reach what listens here. */
  readonly outbound?: string
  readonly variables?: Readonly<Record<string, string>>
}

/** A Worker of somebody else's, on workerd: `handler` of a file of this repository is its `fetch`. */
export async function startWorker({ file, handler, outbound, variables = {} }: WorkerOptions): Promise<Running> {
  const { path, remove } = temporaryDirectory()
  await build({
    stdin: { contents: `import { ${handler} as fetch } from './${file}'\nexport default { fetch }`, resolveDir: root },
    outfile: join(path, 'worker.js'),
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker'],
    logLevel: 'error',
  })
  const address = `127.0.0.1:${await freePort()}`
  const bindings = Object.entries(variables).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`)
  const way =
    outbound === undefined
      ? 'network = (allow = ["private", "local"])'
      : `external = (address = "${outbound}", http = ())`
  writeFileSync(
    join(path, 'workerd.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "worker", worker = .worker), (name = "outbound", ${way})],
  sockets = [(name = "http", address = "${address}", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-17", globalOutbound = "outbound", bindings = [${bindings.join(', ')}],
);`,
  )
  const child = spawn(join(root, 'node_modules/.bin/workerd'), ['serve', join(path, 'workerd.capnp')], {
    stdio: 'inherit',
  })
  const url = `http://${address}`
  await untilUp(url, child)
  return {
    url,
    async stop() {
      await ended(child)
      remove()
    },
  }
}
