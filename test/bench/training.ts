/**
 * What a training does to everybody else on the machine: small RPCs and endpoints, one at a time, while nothing is
 * trained and while `CREATE MODEL` trains 100 trees of depth 6 on 100,000 × 20, from its first row to its version. Phases
 * are in turn; medians over the rounds are compared.
 *
 *   node test/bench/training.ts [--rounds 3]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { must, rows } from '../e2e/ask.ts'
import { startProduct } from '../support/product.ts'
import { createRandom } from '../../core/model/random.ts'
import { median, quantile, table } from './report.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const rounds = Number(values.rounds)
const pauseMs = 5
const trainingRows = 100_000
const columns = 20

const product = await startProduct()
const random = createRandom(1)
for (let sent = 0; sent < trainingRows; sent += 10_000) {
  const lines = Array.from({ length: 10_000 }, () => {
    const xs = Array.from({ length: columns }, () => Math.round(1_000 * random()) / 1_000)
    const score = xs[0]! * xs[1]! + xs[2]! - 0.7 + (random() - 0.5)
    return JSON.stringify({ ...Object.fromEntries(xs.map((x, at) => [`x${at}`, x])), y: score > 0 ? 'yes' : 'no' })
  })
  await must(product, '/v1/events/points?wait=true', { body: lines.join('\n') })
}
const sql = 'SELECT count() AS n, avg(x0) AS x FROM points WHERE x1 > {least:Float64}'
await must(product, '/v1/queries/kept', { method: 'PUT', json: { sql, cache: { ttl_s: 3_600 } } })
await must(product, '/v1/queries/asked', { method: 'PUT', json: { sql } })
const create = `CREATE OR REPLACE MODEL noise FROM (SELECT * FROM points) PREDICT y
  USING engine = 'gbdt', rounds = 100, depth = 6`
using client = connectGrpc(ModelService, { address: product.core.grpc, credential: product.key })

const probes = {
  'small RPC': () => client.getModel({ name: 'noise' }),
  'cached endpoint': () => must(product, '/v1/endpoints/kept.json?least=0.5'),
  'uncached endpoint': (call: number) => must(product, `/v1/endpoints/asked.json?least=${(call % 997) / 1_000}`),
} satisfies Record<string, (call: number) => Promise<unknown>>
type Probe = keyof typeof probes
const names = Object.keys(probes) as Probe[]

/** Milliseconds of each call until it is over. */
async function phase(isOver: () => boolean): Promise<Record<Probe, number[]>> {
  const times: Record<Probe, number[]> = { 'small RPC': [], 'cached endpoint': [], 'uncached endpoint': [] }
  for (let call = 0; !isOver(); call++) {
    for (const name of names) {
      const before = performance.now()
      await probes[name](call)
      times[name].push(performance.now() - before)
    }
    await sleep(pauseMs)
  }
  return times
}

/** From the statement to the end of its job, and how long that was. */
async function training(): Promise<{ readonly times: Record<Probe, number[]>; readonly ms: number }> {
  const began = performance.now()
  const [started] = await rows<{ job: string }>(product, create)
  let over = false
  const ended = (async () => {
    for (;;) {
      const { json } = await must<{ status: string }>(product, `/v1/jobs/${started!.job}`)
      over = json.status !== 'queued' && json.status !== 'running'
      if (over) return json.status
      await sleep(200)
    }
  })()
  const times = await phase(() => over)
  if ((await ended) !== 'done') throw new Error(`The training is ${await ended}.`)
  return { times, ms: performance.now() - began }
}

function idle(ms: number): Promise<Record<Probe, number[]>> {
  const until = performance.now() + ms
  return phase(() => performance.now() >= until)
}

// The first training compiles, and the first calls of each kind.
const { ms: firstMs } = await training()
const found = names.flatMap((name) =>
  ([0.5, 0.99] as const).map((q) => ({ name, q, idle: [] as number[], busy: [] as number[] })),
)
const seconds: number[] = []
for (let round = 0; round < rounds; round++) {
  const alone = await idle(firstMs)
  const beside = await training()
  seconds.push(beside.ms / 1_000)
  for (const one of found) {
    one.idle.push(quantile(alone[one.name], one.q))
    one.busy.push(quantile(beside.times[one.name], one.q))
  }
}
table(
  `While CREATE MODEL trains on ${trainingRows.toLocaleString('en')} × ${columns} (${median(seconds).toFixed(1)} s); rounds: ${rounds}`,
  [
    ['one at a time', 'alone', 'beside a training', 'ratio (p99: at most 2)'],
    ...found.map(({ name, q, idle, busy }) => [
      `${name}, p${100 * q}`,
      `${median(idle).toFixed(2)} ms`,
      `${median(busy).toFixed(2)} ms`,
      median(busy.map((ms, round) => ms / idle[round]!)).toFixed(2),
    ]),
  ],
)
await product.stop()
