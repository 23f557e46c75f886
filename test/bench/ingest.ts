/**
 * Ingest over HTTP through the whole path: events acknowledged per second in batches of 1,000, and how long an event
 * takes until it can be queried while that load lasts. Without a rate the load is all that the machine takes, and events
 * then wait for their turn; with one it is so many events a second.
 *
 *   node test/bench/ingest.ts [--seconds 10] [--connections 4] [--rate 50000]
 */
import { parseArgs } from 'node:util'
import { quantile, table } from './report.ts'
import { startProduct } from '../support/product.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '4' },
    rate: { type: 'string', default: 'Infinity' },
  },
})
const seconds = Number(values.seconds)
const connections = Number(values.connections)
const rate = Number(values.rate)
const batchRows = 1_000

const product = await startProduct({ env: { LOG_LEVEL: 'warn' } })
const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/x-ndjson' }

/** Eight columns, about 150 bytes, with times that spread over two months, so over two partitions of the table. */
function row(n: number, user = `u${n % 50_000}`): string {
  return (
    `{"time":"2026-${n % 2 ? '09' : '10'}-11T10:${String(n % 60).padStart(2, '0')}:00.${String(n % 1_000).padStart(3, '0')}Z",` +
    `"user":"${user}","path":"/products/${n % 997}","method":"GET","status":${n % 50 === 0 ? 500 : 200},` +
    `"bytes":${(n * 7_919) % 65_536},"took_ms":${(n % 977) / 10},"country":"DE"}`
  )
}

function batch(seed: number): string {
  return Array.from({ length: batchRows }, (_, i) => row(seed * batchRows + i)).join('\n')
}

let sent = 0
/** Every answer is looked at: a row that went to quarantine would be fast, and would be no event. */
async function send(body: string, rows: number, wait = false): Promise<void> {
  const response = await fetch(`${product.url}/v1/events/load${wait ? '?wait=true' : ''}`, {
    method: 'POST',
    headers,
    body,
  })
  const text = await response.text()
  const { accepted } = JSON.parse(text) as { accepted?: number }
  if (response.status !== (wait ? 200 : 202) || accepted !== rows) throw new Error(`${response.status} ${text}`)
  sent += rows
}

async function count(): Promise<number> {
  const body = 'SELECT count() AS n FROM load'
  const init = { method: 'POST', headers: { ...headers, 'content-type': 'text/plain' }, body }
  const { data } = (await (await fetch(`${product.url}/v1/sql`, init)).json()) as { data: { n: number }[] }
  return Number(data[0]?.n)
}

const batches = Array.from({ length: 32 }, (_, i) => batch(i))
const bytes = batches.reduce((sum, body) => sum + body.length, 0) / batches.length
await send(batches[0] ?? '', batchRows, true)

const over = new AbortController()
let events = 0
const queryable: number[] = []
const begun = performance.now()
const senders = Array.from({ length: connections }, async (_, i) => {
  for (let n = i; !over.signal.aborted; n++) {
    await send(batches[n % batches.length] ?? '', batchRows)
    events += batchRows
    const early = begun + (events / rate) * 1_000 - performance.now()
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
  }
})
/** On time, whether or not the one before has been answered: a slow answer must not keep others from being measured. */
const probes: Promise<void>[] = []
const probing = setInterval(() => {
  const before = performance.now()
  probes.push(send(row(probes.length, 'probe'), 1, true).then(() => void queryable.push(performance.now() - before)))
}, 50)
await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
over.abort()
clearInterval(probing)
await Promise.all(senders)
const took = (performance.now() - begun) / 1_000
await Promise.all(probes)
const until = Date.now() + 30_000
let landed = await count()
while (landed < sent && Date.now() < until) {
  await new Promise((resolve) => setTimeout(resolve, 100))
  landed = await count()
}
if (landed !== sent) throw new Error(`${sent} events were acknowledged, and ${landed} are in the table.`)

table('Ingest over HTTP, batches of 1,000', [
  ['', 'measured'],
  ['events acknowledged per second', Math.round(events / took).toLocaleString('en')],
  ['bytes per event', (bytes / batchRows).toFixed(0)],
  ['connections', String(connections)],
  ['events asked for per second', Number.isFinite(rate) ? rate.toLocaleString('en') : 'as many as it takes'],
  ['events in the table afterwards', `${landed.toLocaleString('en')}, all that were acknowledged`],
  ['probes', String(queryable.length)],
  ['until queryable, p50', `${quantile(queryable, 0.5).toFixed(0)} ms`],
  ['until queryable, p99', `${quantile(queryable, 0.99).toFixed(0)} ms`],
])
await product.stop()
