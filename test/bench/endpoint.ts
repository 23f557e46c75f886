/**
 * What the path adds to a query: an uncached endpoint over HTTP (credential, limit, gRPC, gate, filters) against the
 * same SQL sent straight to the warehouse, in turn, in the same process.
 *
 *   node test/bench/endpoint.ts [--calls 300]
 */
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { startEmbeddedWarehouse } from '../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../core/storage/clickhouse/connect.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { startProduct } from '../support/product.ts'
import { median, table } from './report.ts'

const { values } = parseArgs({ options: { calls: { type: 'string', default: '300' } } })
const calls = Number(values.calls)
const sql =
  'SELECT path, count() AS requests FROM hits WHERE user = {user:String} GROUP BY path ORDER BY requests DESC LIMIT 10'
const rows = Array.from(
  { length: 50_000 },
  (_, n) => `{"time":"2026-10-11T10:00:00Z","user":"u${n % 1_000}","path":"/p/${n % 97}"}`,
)

const product = await startProduct({ env: { LOG_LEVEL: 'warn' } })
const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/x-ndjson' }
const request = async (path: string, init: RequestInit = {}, more: Record<string, string> = {}) => {
  const response = await fetch(`${product.url}${path}`, { ...init, headers: { ...headers, ...more } })
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status} ${text}`)
  return text
}
await request('/v1/events/hits?wait=true', { method: 'POST', body: rows.join('\n') })
await request(
  '/v1/queries/by_user',
  { method: 'PUT', body: JSON.stringify({ sql }) },
  { 'content-type': 'application/json' },
)

const directory = temporaryDirectory()
const log = pino({ level: 'silent' })
const engine = await startEmbeddedWarehouse({ directory: directory.path, log })
const warehouse = connectWarehouse({ ...engine, maxConnections: 4, log })
await warehouse.command('CREATE DATABASE bench')
await warehouse.command(
  'CREATE TABLE bench.hits (time DateTime64(3), user String, path String) ENGINE = MergeTree ORDER BY time',
)
await warehouse.insert({ database: 'bench', table: 'hits', rows: rows.join('\n'), token: 'bench' })

async function direct(user: string): Promise<string> {
  const result = await warehouse.stream({
    sql,
    database: 'bench',
    params: { user },
    format: 'JSON',
    deadline: Date.now() + 10_000,
    signal: AbortSignal.timeout(10_000),
  })
  const chunks: Uint8Array[] = []
  for await (const chunk of result.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

// Both must have the same to do.
const requestsOf = (answer: string): number =>
  (JSON.parse(answer) as { data: { requests: number | string }[] }).data.reduce(
    (sum, one) => sum + Number(one.requests),
    0,
  )
const [one, other] = [requestsOf(await direct('u1')), requestsOf(await request('/v1/endpoints/by_user.json?user=u1'))]
if (one === 0 || one !== other) throw new Error(`The warehouse finds ${one} requests, the endpoint ${other}.`)

const times = { direct: [] as number[], endpoint: [] as number[] }
for (let i = -20; i < calls; i++) {
  let before = performance.now()
  await direct(`u${(i + 1_000) % 1_000}`)
  if (i >= 0) times.direct.push(performance.now() - before)
  before = performance.now()
  await request(`/v1/endpoints/by_user.json?user=u${(i + 1_000) % 1_000}`)
  if (i >= 0) times.endpoint.push(performance.now() - before)
}
table('An uncached endpoint against the warehouse alone, one at a time', [
  ['', 'p50'],
  ['warehouse alone', `${median(times.direct).toFixed(2)} ms`],
  ['endpoint over HTTP', `${median(times.endpoint).toFixed(2)} ms`],
  ['added', `${(median(times.endpoint) - median(times.direct)).toFixed(2)} ms`],
])
await Promise.all([product.stop(), warehouse.close()])
await engine.close()
directory.remove()
