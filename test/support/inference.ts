import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ended, freePort, untilUp } from '../e2e/edge-harness.ts'
import { temporaryDirectory } from './directory.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Inference {
  readonly url: string
  /** Where `{"ok":true}` is all that is answered; under `parsed` after the body was parsed. */
  readonly bareUrl: string
  readonly pid: number | undefined
  /** Makes a file known; answers its hash. */
  add(file: Uint8Array): string
  /** How often each file was asked for. */
  readonly loads: ReadonlyMap<string, number>
  stop(): Promise<void>
}

/** test/edge/inference/worker.ts on workerd, built by wrangler as the edge is, and a server of files that it loads from. */
export async function startInference(): Promise<Inference> {
  const directory = temporaryDirectory()
  const { path } = directory
  const files = new Map<string, Uint8Array>()
  const loads = new Map<string, number>()
  const server = createServer((request, response) => {
    const hash = (request.url ?? '').slice(1)
    loads.set(hash, (loads.get(hash) ?? 0) + 1)
    response.end(files.get(hash))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const [port, barePort] = [await freePort(), await freePort()]

  build(path)
  const bare = `async fetch(request) {
    if (request.url.endsWith('/parsed')) await request.json()
    return Response.json({ ok: true })
  }`
  writeFileSync(join(path, 'bare.js'), `export default { ${bare} }`)
  const wasm = 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
  writeFileSync(
    join(path, 'workerd.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "inference", worker = .inference), (name = "bare", worker = .bare),
    (name = "files", external = (address = "127.0.0.1:${(server.address() as AddressInfo).port}", http = ())),
  ],
  sockets = [
    (name = "inference", address = "127.0.0.1:${port}", http = (), service = "inference"),
    (name = "bare", address = "127.0.0.1:${barePort}", http = (), service = "bare"),
  ],
);
const inference :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "built/worker.js"), (name = "${wasm}", wasm = embed "built/${wasm}")],
  compatibilityDate = "2026-11-17", bindings = [(name = "FILES", service = "files")],
);
const bare :Workerd.Worker = (
  modules = [(name = "bare.js", esModule = embed "bare.js")], compatibilityDate = "2026-11-17",
);`,
  )
  const child = spawn(join(root, 'node_modules/.bin/workerd'), ['serve', join(path, 'workerd.capnp')], {
    stdio: 'inherit',
  })
  const url = `http://127.0.0.1:${port}/`
  await untilUp(url, child)
  return {
    url,
    bareUrl: `http://127.0.0.1:${barePort}/`,
    pid: child.pid,
    loads,
    add(file) {
      const hash = createHash('sha256').update(file).digest('hex')
      files.set(hash, file)
      return hash
    },
    async stop() {
      await ended(child)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      directory.remove()
    },
  }
}

function build(directory: string): void {
  mkdirSync(join(directory, 'entry'))
  const entry = join(directory, 'entry', 'worker.ts')
  const sources = (path: string): string => JSON.stringify(join(root, path))
  writeFileSync(
    entry,
    `export { RateLimiter } from ${sources('edge/limit/durable.ts')}
import { inferenceFetch } from ${sources('test/edge/inference/worker.ts')}
export default { fetch: inferenceFetch }`,
  )
  const config = join(root, 'wrangler.toml')
  const args = ['deploy', entry, '--config', config, '--dry-run', '--outdir', join(directory, 'built')]
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/wrangler'), args, {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The worker cannot be built:\n${stdout}${stderr}`)
}
