import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import { build } from 'esbuild'
import { generateKey } from '#mesh/keys.ts'
import { ConfigService, WatchResponseSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { GatewaySchema, GatewayService } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { IdentityService, VerifyKeyResponseSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { IngestService, WriteUsageResponseSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { buildEdge, edgeToken, ended, freePort, partly, startCore, untilUp } from '../e2e/edge-harness.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { median } from './report.ts'
import { cpuSecondsOf, requestsPerSecond } from './requests.ts'

/**
 * What a route costs beside a bare Worker that only fetches: `node test/bench/proxy.ts [ROUNDS] [SECONDS]`.
 * Both run in one workerd, before one upstream; the rounds are interleaved, the medians compared.
 */
const rounds = Number(process.argv[2] ?? 7)
const seconds = Number(process.argv[3] ?? 2)
const key = generateKey()
const body = JSON.stringify({ items: Array.from({ length: 20 }, (_, id) => ({ id, name: `item ${id}` })) })

const upstream = createServer((_, response) =>
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body),
)
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`

const core = await startCore([
  partly(ConfigService, {
    watch: async ({ since }) => create(WatchResponseSchema, { cursor: '1', reset: since === '' }),
  }),
  partly(GatewayService, {
    getGateway: async () =>
      create(GatewaySchema, {
        routes: [
          {
            name: 'shop',
            version: 1,
            path: '/shop',
            upstream: upstreamUrl,
            trusted: true,
            timeoutMs: 30_000,
            retries: 2,
          },
        ],
      }),
  }),
  partly(IdentityService, {
    verifyKey: async () =>
      create(VerifyKeyResponseSchema, {
        actor: {
          workspace: 'main',
          id: 'key_1',
          scopes: ['routes:call'],
          plan: { name: 'bench', requests: 4_000_000_000, windowSeconds: 60 },
        },
      }),
  }),
  partly(IngestService, { writeUsage: async () => create(WriteUsageResponseSchema) }),
])

const root = new URL('../..', import.meta.url)
const directory = temporaryDirectory()
const ports = { edge: await freePort(), hono: await freePort(), bare: await freePort() }
const child = await startWorkers()
try {
  const targets = [
    { label: 'a route: credential, limit, headers, breaker', url: `http://127.0.0.1:${ports.edge}/r/main/shop/items` },
    { label: 'a bare Hono worker with its proxy helper', url: `http://127.0.0.1:${ports.hono}/items` },
    { label: 'a bare worker that only fetches', url: `http://127.0.0.1:${ports.bare}/items` },
  ]
  const rates = targets.map((): number[] => [])
  const costs = targets.map((): number[] => [])
  for (let round = -1; round < rounds; round++) {
    for (const [at, { url }] of targets.entries()) {
      const before = cpuSecondsOf(child.pid)
      const rate = await requestsPerSecond(url, { seconds, header: `Authorization: Bearer ${key}` })
      if (round < 0) continue
      rates[at]?.push(rate)
      costs[at]?.push(((cpuSecondsOf(child.pid) - before) / (rate * seconds)) * 1e6)
    }
  }
  for (const [at, { label }] of targets.entries()) {
    const rate = String(Math.round(median(rates[at] ?? []))).padStart(7)
    const cost = median(costs[at] ?? [])
      .toFixed(1)
      .padStart(6)
    console.log(`${label.padEnd(46)} ${rate} requests/s ${cost} µs of CPU each`)
  }
  // Each round by itself, because what else the machine does changes from round to round.
  const compare = (label: string, other: number): void => {
    const ratio = (of: readonly number[][]) =>
      median((of[0] ?? []).map((value, at) => value / (of[other]?.[at] ?? value)))
    console.log(`${label} ${ratio(rates).toFixed(2)} by requests/s, ${(1 / ratio(costs)).toFixed(2)} by CPU`)
  }
  compare('route : Hono’s proxy (at least 0.75)', 1)
  compare('route : fetch alone ', 2)
} finally {
  await ended(child)
  await core.stop()
  upstream.closeAllConnections()
  upstream.close()
  directory.remove()
}

async function startWorkers() {
  const { path } = directory
  mkdirSync(join(path, 'do'))
  await buildEdge(path)
  writeFileSync(
    join(path, 'bare.js'),
    `export default {
      fetch(request) {
        const { pathname, search } = new URL(request.url)
        return fetch(${JSON.stringify(upstreamUrl)} + pathname + search, request)
      },
    }`,
  )
  await build({
    bundle: true,
    format: 'esm',
    target: 'es2024',
    logLevel: 'error',
    stdin: {
      resolveDir: fileURLToPath(root),
      contents: `import { Hono } from 'hono'
        import { proxy } from 'hono/proxy'
        const app = new Hono()
        app.all('/*', (c) => {
          const { pathname, search } = new URL(c.req.url)
          return proxy(${JSON.stringify(upstreamUrl)} + pathname + search, {
            ...c.req,
            headers: { ...c.req.header(), 'x-forwarded-host': c.req.header('host'), authorization: undefined },
          })
        })
        export default app`,
    },
    outfile: join(path, 'hono.js'),
  })
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "hono", worker = .hono),
    (name = "bare", worker = .bare),
    (name = "core", external = (address = "${core.address}", http = ())),
    (name = "network", network = (allow = ["public", "private", "local"])),
    (name = "do", disk = (path = "${join(path, 'do')}", writable = true)),
  ],
  sockets = [
    (name = "edge", address = "127.0.0.1:${ports.edge}", http = (), service = "edge"),
    (name = "hono", address = "127.0.0.1:${ports.hono}", http = (), service = "hono"),
    (name = "bare", address = "127.0.0.1:${ports.bare}", http = (), service = "bare"),
  ],
);
const edge :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "dist/edge/worker.js")], compatibilityDate = "2026-11-17",
  bindings = [
    (name = "CORE", service = "core"),
    (name = "TRUSTED_NETWORK", service = "network"),
    (name = "RATE_LIMITER", durableObjectNamespace = "RateLimiter"),
    (name = "EDGE_TOKEN", text = "${edgeToken}"),
  ],
  durableObjectNamespaces = [(className = "RateLimiter", uniqueKey = "edge", enableSql = true)],
  durableObjectStorage = (localDisk = "do"),
);
const hono :Workerd.Worker = (
  modules = [(name = "hono.js", esModule = embed "hono.js")], compatibilityDate = "2026-11-17",
  globalOutbound = "network",
);
const bare :Workerd.Worker = (
  modules = [(name = "bare.js", esModule = embed "bare.js")], compatibilityDate = "2026-11-17",
  globalOutbound = "network",
);`
  writeFileSync(join(path, 'bench.capnp'), config)
  const workerd = spawn('node_modules/.bin/workerd', ['serve', join(path, 'bench.capnp')], {
    cwd: root,
    stdio: 'inherit',
  })
  await untilUp(`http://127.0.0.1:${ports.bare}/`, workerd)
  return workerd
}
