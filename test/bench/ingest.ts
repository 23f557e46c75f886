/**
 * Ingest over HTTP through the whole path: events acknowledged per second in batches of 1,000, and how long an event
 * takes until it can be queried while that load lasts.
 *
 *   node test/bench/ingest.ts [--seconds 10] [--connections 4]
 */
import { parseArgs } from 'node:util'
import { quantile, table } from './report.ts'
import { startProduct } from '../support/product.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, connections: { type: 'string', default: '4' } },
})
const seconds = Number(values.seconds)
const connections = Number(values.connections)
const batchRows = 1_000

const product = await startProduct({ env: { LOG_LEVEL: 'warn' } })
const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/x-ndjson' }

/** Eight columns, about 150 bytes a row, with times that spread over two months, so over two partitions of the table. */
function batch(seed: number): string {
  const rows: string[] = []
  for (let i = 0; i < batchRows; i++) {
    const n = seed * batchRows + i
    rows.push(
      `{"time":"2026-${n % 2 ? '09' : '10'}-11T10:${String(n % 60).padStart(2, '0')}:00.${String(n % 1_000).padStart(3, '0')}Z",` +
        `"user":"u${n % 50_000}","path":"/products/${n % 997}","method":"GET","status":${n % 50 === 0 ? 500 : 200},` +
        `"bytes":${(n * 7_919) % 65_536},"took_ms":${(n % 977) / 10},"country":"DE"}`,
    )
  }
  return rows.join('\n')
}

async function send(body: string, query = ''): Promise<void> {
  const response = await fetch(`${product.url}/v1/events/load${query}`, { method: 'POST', headers, body })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  await response.arrayBuffer()
}

const batches = Array.from({ length: 32 }, (_, i) => batch(i))
const bytes = batches.reduce((sum, body) => sum + body.length, 0) / batches.length
await send(batches[0] ?? '', '?wait=true')

let running = true
let events = 0
const queryable: number[] = []
const begun = performance.now()
const senders = Array.from({ length: connections }, async (_, i) => {
  for (let n = i; running; n++) {
    await send(batches[n % batches.length] ?? '')
    events += batchRows
  }
})
const probe = (async () => {
  while (running) {
    const before = performance.now()
    await send('{"time":"2026-10-11T10:00:00Z","user":"probe"}', '?wait=true')
    queryable.push(performance.now() - before)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})()
await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
running = false
await Promise.all([...senders, probe])
const took = (performance.now() - begun) / 1_000

table('Ingest over HTTP, batches of 1,000', [
  ['events acknowledged per second', Math.round(events / took).toLocaleString('en')],
  ['bytes per event', (bytes / batchRows).toFixed(0)],
  ['connections', String(connections)],
  ['until queryable, p50', `${quantile(queryable, 0.5).toFixed(0)} ms`],
  ['until queryable, p99', `${quantile(queryable, 0.99).toFixed(0)} ms`],
])
await product.stop()
