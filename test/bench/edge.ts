import { execFile, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { create } from '@bufbuild/protobuf'
import { build, type BuildOptions } from 'esbuild'
import { generateKey } from '#mesh/keys.ts'
import { ConfigService, WatchResponseSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { IdentityService, VerifyKeyResponseSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { IngestService, WriteUsageResponseSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QuerySchema, QueryService, ResultChunkSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import { edgeToken, ended, freePort, partly, startCore, untilUp } from '../e2e/edge-harness.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { credentialMicroseconds } from './credentials.ts'
import { median } from './report.ts'
import { cpuSecondsOf, requestsPerSecond } from './requests.ts'

/**
 * What authentication, limit, cache and headers cost: `node test/bench/edge.ts [ROUNDS] [SECONDS]`.
 * All Workers run in one workerd; the rounds are interleaved, the medians compared.
 */
const rounds = Number(process.argv[2] ?? 7)
const seconds = Number(process.argv[3] ?? 2)
const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
const key = generateKey()
const body = JSON.stringify({
  data: Array.from({ length: 20 }, (_, hour) => ({ hour, hits: hour * 37, bytes: hour * 9_999 })),
})

const core = await startCore([
  partly(ConfigService, {
    watch: async ({ since }) => create(WatchResponseSchema, { cursor: '1', reset: since === '' }),
  }),
  partly(IdentityService, {
    verifyKey: async () =>
      create(VerifyKeyResponseSchema, {
        actor: {
          workspace: 'main',
          id: 'key_1',
          scopes: ['endpoints:read'],
          plan: { name: 'bench', requests: 4_000_000_000, windowSeconds: 60 },
        },
      }),
  }),
  partly(IngestService, { writeUsage: async () => create(WriteUsageResponseSchema) }),
  partly(QueryService, {
    describeQuery: async ({ name }) =>
      create(QuerySchema, { name, version: 1, ...(name === 'cached' && { cache: { ttlSeconds: 3_600 } }) }),
    async *callQuery() {
      yield create(ResultChunkSchema, {
        piece: { case: 'head', value: { contentType: 'application/json', queryVersion: 1 } },
      })
      yield create(ResultChunkSchema, { piece: { case: 'body', value: new TextEncoder().encode(body) } })
      yield create(ResultChunkSchema, { piece: { case: 'tail', value: { rows: 20n } } })
    },
  }),
])

const directory = temporaryDirectory()
const ports = { edge: await freePort(), open: await freePort(), bare: await freePort(), same: await freePort() }
type Name = keyof typeof ports
const { stop, cpuSeconds } = await startWorkers()

try {
  const sample = await fetch(`http://127.0.0.1:${ports.edge}/v1/endpoints/cached`, {
    headers: { authorization: `Bearer ${key}` },
  })
  await sample.arrayBuffer()
  const again = await fetch(`http://127.0.0.1:${ports.edge}/v1/endpoints/cached`, {
    headers: { authorization: `Bearer ${key}` },
  })
  console.log(`${body.length} bytes, ${[...again.headers].length} headers:`)
  for (const [name, value] of again.headers) console.log(`  ${name}: ${value}`)

  const targets: readonly { readonly label: string; readonly name: Name; readonly path: string }[] = [
    { label: 'cached, authenticated, limited', name: 'edge', path: 'cached' },
    { label: 'bare Hono, same body, one header', name: 'bare', path: 'cached' },
    { label: 'bare Hono, same body and headers', name: 'same', path: 'cached' },
    { label: 'uncached, authenticated, limited', name: 'edge', path: 'live' },
    { label: 'uncached, without both', name: 'open', path: 'live' },
  ]
  const results = targets.map((): number[] => [])
  const costs = targets.map((): number[] => [])
  for (let round = -1; round < rounds; round++) {
    for (const [at, { name, path }] of targets.entries()) {
      const before = cpuSeconds()
      const rate = await requestsPerSecond(`http://127.0.0.1:${ports[name]}/v1/endpoints/${path}`, {
        seconds,
        header: `Authorization: Bearer ${key}`,
      })
      if (round < 0) continue
      results[at]?.push(rate)
      costs[at]?.push(((cpuSeconds() - before) / (rate * seconds)) * 1e6)
    }
  }
  const medians = results.map(median)
  for (const [at, { label }] of targets.entries()) {
    const all = results[at]?.map((rate) => Math.round(rate)).join(' ') ?? ''
    const cost = median(costs[at] ?? [])
      .toFixed(1)
      .padStart(6)
    console.log(
      `${label.padEnd(34)} ${String(Math.round(medians[at] ?? 0)).padStart(7)} requests/s ${cost} µs of CPU each   (${all})`,
    )
  }
  // Each round by itself, because what else the machine does changes from round to round.
  const compare = (label: string, one: number, other: number, atLeast: number) => {
    const ratio = (of: readonly number[][]) =>
      median((of[one] ?? []).map((value, at) => value / (of[other]?.[at] ?? value)))
    const byCost = 1 / ratio(costs)
    console.log(
      `${label.padEnd(34)} ${ratio(results).toFixed(2)} by requests/s, ${byCost.toFixed(2)} by CPU (at least ${atLeast.toFixed(2)})`,
    )
  }
  compare('cached : bare, one header', 0, 1, 0.58)
  compare('cached : bare, same headers', 0, 2, 0.8)
  compare('uncached : without auth and limit', 3, 4, 0.75)
  const { repeatedKey, repeatedToken, firstToken } = await credentialMicroseconds()
  console.log(`a repeated key adds                     ${repeatedKey.toFixed(2)} µs (at most 5)`)
  console.log(`a repeated token adds                   ${repeatedToken.toFixed(2)} µs (at most 5)`)
  console.log(`a provider's token, the first time      ${(firstToken / 1000).toFixed(3)} ms (at most 1)`)
} finally {
  await stop()
  await core.stop()
  directory.remove()
}

async function startWorkers() {
  const { path } = directory
  mkdirSync(join(path, 'do'))
  const options = {
    bundle: true,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:workers'],
    logLevel: 'error',
  } satisfies BuildOptions
  await run(join(root, 'node_modules/.bin/wrangler'), ['deploy', '--dry-run', '--outdir', path], { cwd: root })
  const worker = `export { RateLimiter } from './open-worker.ts'
    import { openFetch } from './open-worker.ts'
    export default { fetch: openFetch }`
  await build({
    ...options,
    stdin: { resolveDir: join(root, 'test/edge'), contents: worker },
    outfile: join(path, 'open.js'),
  })
  const bare = (name: string, headers: string) =>
    build({
      ...options,
      stdin: {
        resolveDir: root,
        contents: `import { Hono } from 'hono'
          const body = new TextEncoder().encode(${JSON.stringify(body)})
          const app = new Hono()
          app.get('/v1/endpoints/:name', (c) => c.body(body, 200, ${headers}))
          export default app`,
      },
      outfile: join(path, `${name}.js`),
    })
  await bare('bare', `{ 'content-type': 'application/json' }`)
  await bare(
    'same',
    `{
      'content-type': 'application/json',
      'cache-control': 'private, max-age=3599',
      'cache-status': 'Edgewise; hit; ttl=3599',
      'edgewise-cost': '1',
      'edgewise-query-version': '1',
      etag: 'W/"abcdefghijklmnopqrst"',
      ratelimit: '"bench";r=3999999999;t=30',
      'ratelimit-policy': '"bench";q=4000000000;w=60',
      vary: 'Accept, Authorization, X-API-Key, Origin',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'req_0123456789abcdef1',
    }`,
  )
  const service = (name: Name, file: string, more = '') => `
const ${name} :Workerd.Worker = (
  modules = [(name = "${name}.js", esModule = embed "${file}.js")], compatibilityDate = "2026-11-17",
  bindings = [${more}],
  durableObjectNamespaces = [${more === '' ? '' : `(className = "RateLimiter", uniqueKey = "${name}", enableSql = true)`}],
  durableObjectStorage = (localDisk = "do"),
);`
  const bindings = `(name = "CORE", service = "core"), (name = "RATE_LIMITER", durableObjectNamespace = "RateLimiter"), (name = "EDGE_TOKEN", text = "${edgeToken}")`
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${Object.keys(ports)
      .map((name) => `(name = "${name}", worker = .${name})`)
      .join(', ')},
    (name = "core", external = (address = "${core.address}", http = ())),
    (name = "do", disk = (path = "${join(path, 'do')}", writable = true)),
  ],
  sockets = [${Object.entries(ports)
    .map(([name, port]) => `(name = "${name}", address = "127.0.0.1:${port}", http = (), service = "${name}")`)
    .join(', ')}],
);
${service('edge', 'worker', bindings)}
${service('open', 'open', bindings)}
${service('bare', 'bare')}
${service('same', 'same')}`
  writeFileSync(join(path, 'bench.capnp'), config)
  const child = spawn(join(root, 'node_modules/.bin/workerd'), ['serve', join(path, 'bench.capnp')], {
    stdio: 'inherit',
  })
  await untilUp(`http://127.0.0.1:${ports.bare}/`, child)
  return { stop: () => ended(child), cpuSeconds: () => cpuSecondsOf(child.pid) }
}
