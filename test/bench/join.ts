/**
 * Predictions for a table of a million rows, in one SELECT: rows a second, what it costs the core in memory, how soon the
 * first byte is there, and how long others wait meanwhile.
 *
 *   node test/bench/join.ts [--rows 1000000] [--rounds 5] [--columns t.*]
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { Format, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { must, rows as rowsOf, trained } from '../e2e/ask.ts'
import { startProduct } from '../support/product.ts'
import { createRandom } from '../../core/model/random.ts'
import { median, quantile, table } from './report.ts'
import { cpuSecondsOf } from './requests.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    /** What of the rows is answered beside the prediction: all, or `t.customer`. */
    columns: { type: 'string', default: 't.*' },
  },
})
const [wanted, rounds] = [Number(values.rows), Number(values.rounds)]
const rowsOfRequest = 10_000
const trainedFrom = 20_000
const pingMs = 20

/** Tables of which a model takes every column but the customer. */
const tasks = [
  { name: 'services', what: '4 numbers, 15 texts', numbers: 4, texts: 15 },
  { name: 'readings', what: '9 numbers', numbers: 9, texts: 0 },
] as const

/** As long as those of a company that sells telephones. */
const labels = ['Yes', 'No', 'No internet service', 'Month-to-month', 'Bank transfer (automatic)'] as const

const product = await startProduct()
const core = connectGrpc(QueryService, { address: product.core.grpc, credential: product.key })
try {
  const rates: string[][] = []
  const others: string[][] = []
  const idle = await pings(sleep(3_000))
  for (const task of tasks) {
    await prepare(task)
    const sql = `SELECT ${values.columns}, m.leaves, m.probability FROM (SELECT * FROM ${task.name}) AS t JOIN ${task.name}_model AS m`
    const before = memoryMiB()
    const over: Measured[] = []
    const direct: Measured[] = []
    for (let round = -1; round < rounds; round++) {
      const one = await measured(() => overHttp(sql))
      const other = await measured(() => overGrpc(sql))
      if (round < 0) continue
      over.push(one)
      direct.push(other)
    }
    const during = [...(await waits(() => overHttp(sql))), ...(await waits(() => overGrpc(sql)))]
    const label = `${task.what}, ${task.name}`
    for (const [way, all] of [
      ['HTTP', over],
      ['gRPC', direct],
    ] as const) {
      rates.push([
        label,
        way,
        median(all.map(({ ms }) => (wanted * 1_000) / ms)).toFixed(0),
        median(all.map(({ bytes }) => bytes / wanted)).toFixed(0),
        median(all.map(({ firstMs }) => firstMs)).toFixed(0),
        median(all.map(({ cpuSeconds }) => (cpuSeconds / wanted) * 1e6)).toFixed(2),
      ])
    }
    others.push([
      label,
      `${before} → ${memoryMiB()}, most ${Math.max(...[...over, ...direct].map(({ mostMiB }) => mostMiB))}`,
      `${median(idle).toFixed(1)} / ${quantile(idle, 0.99).toFixed(1)}`,
      `${median(during).toFixed(1)} / ${quantile(during, 0.99).toFixed(1)}`,
    ])
  }
  table(`SELECT ${values.columns}, … JOIN model, ${wanted} rows, 100 trees of depth 6, medians of ${rounds}`, [
    ['inputs', 'over', 'rows/s (aim 300000)', 'bytes a row', 'first byte, ms', 'µs of the core’s CPU a row'],
    ...rates,
  ])
  table('Meanwhile', [
    ['inputs', 'the core’s RSS, MiB', 'GET /v1/models before, p50 / p99 ms', 'during, p50 / p99 ms'],
    ...others,
  ])
} finally {
  core[Symbol.dispose]()
  await product.stop()
}

/** Loads the table, and trains a model of it: who leaves depends on a few columns, the rest is noise. */
async function prepare({ name, numbers, texts }: (typeof tasks)[number]): Promise<void> {
  const random = createRandom(11)
  const lines = Array.from({ length: rowsOfRequest }, (_, n) => {
    const row: Record<string, unknown> = { customer: `7590-VHVEG${n}` }
    let score = -1
    for (let at = 0; at < numbers; at++) {
      const value = Math.round(random() * 10_000) / 100
      row[`number${at}`] = value
      score += at < 3 ? (value - 50) / 40 : 0
    }
    for (let at = 0; at < texts; at++) {
      const code = Math.floor(random() * (2 + (at % 4)))
      row[`service${at}`] = labels[code]
      score += at < 5 ? (code - 1) / 2 : 0
    }
    row['leaves'] = random() < 1 / (1 + Math.exp(-score)) ? 'Yes' : 'No'
    return JSON.stringify(row)
  })
  const body = lines.join('\n')
  for (let sent = 0; sent < wanted; sent += rowsOfRequest) {
    await must(product, `/v1/events/${name}${sent + rowsOfRequest >= wanted ? '?wait=true' : ''}`, { body })
  }
  const there = async (): Promise<number> =>
    Number((await rowsOf<{ n: number }>(product, `SELECT count() AS n FROM ${name}`))[0]?.n)
  while ((await there()) < wanted) await sleep(200)
  const using = `USING engine = 'gbdt', rounds = 100, depth = 6, early_stopping = 100, folds = 2`
  const from = `SELECT * EXCEPT (customer) FROM ${name} LIMIT ${trainedFrom}`
  await trained(product, `CREATE MODEL ${name}_model FROM (${from}) PREDICT leaves ${using}`)
}

interface Read {
  readonly bytes: number
  readonly firstMs: number
}

interface Measured extends Read {
  readonly ms: number
  readonly cpuSeconds: number
  readonly mostMiB: number
}

async function measured(read: () => Promise<Read>): Promise<Measured> {
  const cpu = cpuSecondsOf(product.corePid())
  let mostMiB = 0
  const watch = setInterval(() => (mostMiB = Math.max(mostMiB, memoryMiB())), 100)
  const began = performance.now()
  const said = await read()
  const ms = performance.now() - began
  clearInterval(watch)
  return { ...said, ms, cpuSeconds: cpuSecondsOf(product.corePid()) - cpu, mostMiB }
}

/** What others wait, in a round of its own: they have their part of the processors. */
async function waits(read: () => Promise<Read>): Promise<readonly number[]> {
  const reading = read()
  const times = await pings(reading)
  await reading
  return times
}

/** How long a small request takes, every so often until then. */
async function pings(until: Promise<unknown>): Promise<number[]> {
  const over = new AbortController()
  const end = (): void => over.abort()
  until.then(end, end)
  const times: number[] = []
  while (!over.signal.aborted) {
    const began = performance.now()
    await must(product, '/v1/models')
    times.push(performance.now() - began)
    await sleep(pingMs)
  }
  return times
}

function overHttp(sql: string): Promise<Read> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const asking = request(`${product.url}/v1/sql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${product.key}`,
        'content-type': 'text/plain',
        accept: 'application/x-ndjson',
      },
    })
    asking.on('error', reject)
    asking.on('response', (answer) => {
      let [bytes, firstMs] = [0, 0]
      answer.on('error', reject)
      answer.on('data', (chunk: Buffer) => {
        if (bytes === 0) firstMs = performance.now() - began
        bytes += chunk.length
      })
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve({ bytes, firstMs })
        else reject(new Error(`${answer.statusCode}`))
      })
    })
    asking.end(sql)
  })
}

async function overGrpc(sql: string): Promise<Read> {
  const began = performance.now()
  let [bytes, firstMs] = [0, 0]
  for await (const { piece } of core.runSql({ sql, format: Format.NDJSON })) {
    if (piece.case !== 'body') continue
    if (bytes === 0) firstMs = performance.now() - began
    bytes += piece.value.length
  }
  return { bytes, firstMs }
}

function memoryMiB(): number {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${product.corePid()}/status`, 'latin1')) ?? []
  return Math.round(Number(kib) / 1024)
}
