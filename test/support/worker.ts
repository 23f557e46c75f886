import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ended, freePort, type Running, untilUp } from '../e2e/edge-harness.ts'
import { temporaryDirectory } from './directory.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Somebody's Worker on workerd, built by wrangler: `handler` of a file of this repository is its `fetch`. All that it asks
 * goes to one address, whatever host it names.
 */
export async function startWorker(options: {
  readonly file: string
  readonly handler: string
  /** `host:port`. */
  readonly outbound: string
  readonly variables: Readonly<Record<string, string>>
}): Promise<Running> {
  const { file, handler, outbound, variables } = options
  const directory = temporaryDirectory()
  const at = (name: string): string => join(directory.path, name)
  mkdirSync(at('entry'))
  writeFileSync(
    at('entry/worker.ts'),
    `import { ${handler} } from ${JSON.stringify(join(root, file))}\nexport default { fetch: ${handler} }`,
  )
  writeFileSync(at('wrangler.toml'), 'name = "somebody"\nmain = "entry/worker.ts"\ncompatibility_date = "2026-11-17"\n')
  const args = ['deploy', '--config', at('wrangler.toml'), '--dry-run', '--outdir', at('built')]
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/wrangler'), args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`The worker cannot be built:\n${stdout}${stderr}`)
  const address = `127.0.0.1:${await freePort()}`
  const bindings = Object.entries(variables).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`)
  writeFileSync(
    at('workerd.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "worker", worker = .worker), (name = "outbound", external = (address = "${outbound}", http = ()))],
  sockets = [(name = "http", address = "${address}", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "built/worker.js")],
  compatibilityDate = "2026-11-17", globalOutbound = "outbound", bindings = [${bindings.join(', ')}],
);`,
  )
  const child = spawn(join(root, 'node_modules/.bin/workerd'), ['serve', at('workerd.capnp')], { stdio: 'inherit' })
  const url = `http://${address}`
  await untilUp(url, child)
  return {
    url,
    async stop() {
      await ended(child)
      directory.remove()
    },
  }
}
