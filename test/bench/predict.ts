import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openModel } from '#mesh/inference/model.ts'
import { openOrt } from '#mesh/inference/ort.ts'
import { createFeeder } from '#mesh/inference/feeds.ts'
import { must, newKey, trained } from '../e2e/ask.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { startInference } from '../support/inference.ts'
import { treesFile } from '../support/model-file.ts'
import { processTree } from '../support/processes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { createRandom } from '../../core/model/random.ts'
import { pythonWith } from './python.ts'
import { median, quantile, table } from './report.ts'
import { cpuSecondsOf, requestsPerSecond } from './requests.ts'

/**
 * What a prediction by 100 trees of depth 6 on 20 columns costs: `node test/bench/predict.ts [ROUNDS] [SECONDS]`.
 * The whole product (credential, limit, provenance, usage), beside Workers that do less, round by round, and beside ONNX
 * Runtime of PyPI.
 */
const rounds = Number(process.argv[2] ?? 7)
const seconds = Number(process.argv[3] ?? 2)
const run = promisify(execFile)
const file = treesFile()
const row = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`f${at}`, ((at * 37) % 20) / 20 + 0.01]))
const one = JSON.stringify({ rows: [row] })
const thousand = JSON.stringify({ rows: Array.from({ length: 1_000 }, () => row) })

await overHttp()
await beside()

async function overHttp(): Promise<void> {
  const inference = await startInference()
  const product = await startProduct()
  try {
    await train(product)
    const url = `${product.url}/v1/models/trees/predict`
    // Of a plan that nothing here reaches, but a plan.
    const { key } = await newKey(product, { scopes: ['models:predict'] })
    const header = `Authorization: Bearer ${key}`
    const firstMs = await milliseconds(() => ask(url, one, key))
    const edge = processTree(product.pid).find(({ command }) => command[0]?.endsWith('/workerd'))?.pid
    const targets = [
      { label: 'a bare Worker', target: inference.bareUrl, pid: inference.pid },
      { label: 'a bare Worker that parses the body', target: `${inference.bareUrl}parsed`, pid: inference.pid },
      { label: 'parse, validate, predict', target: `${inference.url}${inference.add(file)}`, pid: inference.pid },
      { label: 'the whole path: and credential, limit, provenance', target: url, pid: edge },
    ].map((target) => ({ ...target, rates: [] as number[], costs: [] as number[] }))
    // V8 compiles a function of WebAssembly well after some ten thousand calls.
    for (const { target } of targets.slice(2)) await requestsPerSecond(target, { header, body: one, seconds: 10 })
    for (let round = 0; round < rounds; round++) {
      for (const { target, pid, rates, costs } of targets) {
        const before = cpuSecondsOf(pid)
        const rate = await requestsPerSecond(target, { header, body: one, seconds })
        rates.push(rate)
        costs.push(((cpuSecondsOf(pid) - before) / (rate * seconds)) * 1e6)
      }
    }
    const batchesMs: number[] = []
    for (let batch = 0; batch < 50; batch++) batchesMs.push(await milliseconds(() => ask(url, thousand, key)))
    const [bare] = targets
    table('One row by HTTP', [
      ['', 'requests/s', 'µs of CPU each', 'of a bare Worker, by requests/s (at least 0.42)', 'by CPU'],
      ...targets.map(({ label, rates, costs }) => [
        label,
        median(rates).toFixed(0),
        median(costs).toFixed(1),
        median(rates.map((rate, at) => rate / bare!.rates[at]!)).toFixed(2),
        median(costs.map((cost, at) => bare!.costs[at]! / cost)).toFixed(2),
      ]),
    ])
    table('Once', [
      ['', 'ms'],
      ['the first prediction of an isolate (aim: at most 400)', firstMs.toFixed(0)],
      ['1,000 rows by HTTP, p50 (at most 15)', median(batchesMs).toFixed(1)],
      ['1,000 rows by HTTP, p95', quantile(batchesMs, 0.95).toFixed(1)],
    ])
  } finally {
    await product.stop()
    await inference.stop()
  }
}

/** A model that asks as much as the file of `treesFile`: all of the trees are grown, however little the last ones add. */
async function train(product: Product): Promise<void> {
  const random = createRandom(11)
  for (let batch = 0; batch < 5; batch++) {
    const lines = Array.from({ length: 4_000 }, () => {
      const cells = Array.from({ length: 20 }, () => random())
      const score = cells.reduce((sum, cell, at) => sum + Math.sin(6 * cell) * (at % 5), 4 * (random() - 0.5))
      return JSON.stringify({
        ...Object.fromEntries(cells.map((cell, at) => [`f${at}`, cell])),
        y: score > 1 ? 'yes' : 'no',
      })
    })
    await must(product, '/v1/events/points?wait=true', { body: lines.join('\n') })
  }
  const columns = Object.keys(row).join(', ')
  await trained(
    product,
    `CREATE MODEL trees FROM (SELECT ${columns}, y FROM points) PREDICT y USING engine = 'gbdt', rounds = 100, early_stopping = 1000, depth = 6`,
  )
}

/** The call of the session alone, beside native ONNX Runtime on the same file and row. */
async function beside(): Promise<void> {
  const model = await openModel(file, openOrt)
  const feeder = createFeeder(model.signature)
  const feedsOf = (rows: readonly object[]) => {
    const fed = feeder(rows)
    if ('problems' in fed) throw new Error(JSON.stringify(fed.problems))
    return fed.feeds
  }
  const ours = (rows: number, calls: number): number => {
    const feeds = feedsOf(Array.from({ length: rows }, () => row))
    for (let call = 0; call < calls; call++) model.session.run(feeds)
    return median(Array.from({ length: calls }, () => timeMs(() => model.session.run(feeds))))
  }
  const native = await nativeMs()
  const line = (label: string, own: number, other: number, unit: number) => [
    label,
    (own * unit).toFixed(2),
    (other * unit).toFixed(2),
    (own / other).toFixed(2),
  ]
  table('The model’s call alone, p50', [
    ['', 'here', 'onnxruntime of PyPI, one thread', 'ratio (of one row at most 1.5)'],
    line('one row, µs', ours(1, 5_000), native[0]!, 1_000),
    line('1,000 rows, ms', ours(1_000, 200), native[1]!, 1),
  ])
}

async function nativeMs(): Promise<readonly number[]> {
  const directory = temporaryDirectory()
  try {
    writeFileSync(join(directory.path, 'trees.onnx'), file)
    const script = `
import sys, time, numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
def p50(rows, calls):
    feeds = {f"f{i}": np.full((rows, 1), (i * 37 % 20) / 20 + 0.01, dtype=np.float32) for i in range(20)}
    for _ in range(calls): session.run(None, feeds)
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        session.run(None, feeds)
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times)[calls // 2]
print(p50(1, 5000), p50(1000, 200))`
    const python = await pythonWith(['onnxruntime==1.31.0'])
    const { stdout } = await run(python, ['-c', script, join(directory.path, 'trees.onnx')])
    return stdout.trim().split(' ').map(Number)
  } finally {
    directory.remove()
  }
}

async function ask(url: string, body: string, key: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${key}` } })
  if (!response.ok) throw new Error(await response.text())
  await response.arrayBuffer()
}

async function milliseconds(work: () => Promise<void>): Promise<number> {
  const before = performance.now()
  await work()
  return performance.now() - before
}

function timeMs(work: () => unknown): number {
  const before = performance.now()
  work()
  return performance.now() - before
}
