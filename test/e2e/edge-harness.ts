import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DescService } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import { type Mounted, mount } from '#mesh/rpc/mount.ts'
import { grpcWebHandler } from '#mesh/rpc/node/web.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const edgeToken = 'test-edge-token-of-32-characters'

/** Builds a Worker as a user does, into a directory where the capnp file finds it. */
export async function buildEdge(directory: string): Promise<void> {
  mkdirSync(join(directory, 'infra'), { recursive: true })
  cpSync(join(root, 'infra/workerd.capnp'), join(directory, 'infra/workerd.capnp'))
  await run('wrangler', ['deploy', '--dry-run', '--outdir', join(directory, 'dist/edge')])
}

export interface Running {
  readonly url: string
  stop(): Promise<void>
}

/** Runs what was built on workerd, as a user does. */
export async function startEdge(
  directory: string,
  coreAddress: string,
  variables: Record<string, string> = {},
): Promise<Running> {
  const data = join(directory, 'do')
  mkdirSync(data, { recursive: true })
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    join(root, 'node_modules/.bin/workerd'),
    [
      'serve',
      join(directory, 'infra/workerd.capnp'),
      `--socket-addr=http=${address}`,
      ...['core', 'ingest', 'query', 'model'].map((name) => `--external-addr=${name}=${coreAddress}`),
      `--directory-path=do=${data}`,
    ],
    { env: { EDGE_TOKEN: edgeToken, ...variables }, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const url = `http://${address}`
  await untilUp(`${url}/health/live`, child)
  return { url, stop: () => ended(child) }
}

/** Serves handlers as the core does: gRPC-Web on a port of its own. */
export async function startCore(services: readonly Mounted[]): Promise<Running & { readonly address: string }> {
  const server = createServer(grpcWebHandler({ services, interceptors: [] }))
  await listen(server)
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    url: `http://${address}`,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Some methods of a service; the others are not offered. */
export function partly<S extends DescService>(desc: S, handlers: Partial<Service<S>>): Mounted {
  const all: Record<string, unknown> = { ...handlers }
  for (const { localName } of desc.methods) {
    all[localName] ??= () => Promise.reject(new Failure('internal.unimplemented', 'Not in this test.'))
  }
  return mount(desc, all as Service<S>)
}

/** One that nobody has, for somebody who begins a little later: outside those that systems give to connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createNetServer()
    const isFree = await listen(server, port).then(
      () => true,
      () => false,
    )
    await new Promise((resolve) => server.close(resolve))
    if (isFree) return port
  }
}

async function listen(server: Server | ReturnType<typeof createNetServer>, port = 0): Promise<void> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
}

export async function untilUp(url: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + 15_000
  while (child.exitCode === null) {
    try {
      await (await fetch(url)).arrayBuffer()
      return
    } catch {
      if (Date.now() > until) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  child.kill('SIGKILL')
  throw new Error(`${url} did not come up.`)
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(join(root, 'node_modules/.bin', command), args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}.`)
}
