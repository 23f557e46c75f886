/**
 * Our trees beside LightGBM and scikit-learn (two threads each) on the same rows: 100,000 × 20 that a seed makes up, 100
 * trees of depth 6 each, interleaved; then real data in five folds, each with the options that it has by itself (theirs
 * are 100 trees; ours are as many as an inner validation finds), and nothing looked at the rows it is measured on.
 *
 *   node test/bench/gbdt.ts [--rounds 3]
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { auc } from '../../core/model/evaluate/auc.ts'
import { allBut, folds } from '../../core/model/evaluate/folds.ts'
import { rmse } from '../../core/model/evaluate/regression.ts'
import { ofClass } from '../../core/model/evaluate/scored.ts'
import type { Feature } from '../../core/model/feature.ts'
import type { GbdtOptions } from '../../core/model/gbdt/options.ts'
import { gbdtOutputs } from '../../core/model/gbdt/outputs.ts'
import { trainGbdt } from '../../core/model/gbdt/train.ts'
import { pick, pickFeatures } from '../../core/model/train/rows.ts'
import { createRandom } from '../../core/model/random.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { madeFeatures } from '../support/made-features.ts'
import { sampleData } from '../support/optional.ts'
import { sampleFeatures } from '../support/sample-features.ts'
import { pythonWith } from './python.ts'
import { median, table } from './report.ts'

const { values: given } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const run = promisify(execFile)
const python = await pythonWith(['lightgbm==4.6.0', 'scikit-learn==1.7.2'])
const script = fileURLToPath(new URL('gbdt.py', import.meta.url))

interface Task {
  readonly features: readonly Feature[]
  readonly target: Float64Array
  readonly kind: 'binary' | 'regression'
  /** Each is held out once. */
  readonly parts: readonly Int32Array[]
  readonly options: Partial<GbdtOptions>
  /** The same for LightGBM. */
  readonly params: object
  /** Our number of rounds is found on every fifth of the rows to learn from, before all of them are learned from. */
  readonly findRounds?: boolean
}

interface Result {
  readonly seconds: number
  /** Of the rows that were held out. */
  readonly score: number
}

const trainers = ['edgewise', 'lightgbm', 'sklearn'] as const

await speed()
await quality()

async function speed(): Promise<void> {
  const { features, signal } = madeFeatures({ rows: 125_000, numbers: 18, categories: 2, missing: 0.03, seed: 1 })
  const random = createRandom(2)
  const task: Task = {
    features,
    target: signal.map((x) => Number(1 / (1 + Math.exp(0.6 - x)) > random())),
    kind: 'binary',
    parts: partsOf(125_000),
    options: { rounds: 100, learningRate: 0.1, columnSample: 1, maxDepth: 6, maxLeaves: 64 },
    params: { max_depth: 6, num_leaves: 64, lambda_l2: 1 },
  }
  const seconds = trainers.map((): number[] => [])
  const scores = trainers.map(() => 0)
  for (let round = 0; round < Number(given.rounds); round++) {
    for (const [i, trainer] of trainers.entries()) {
      const result = await train(trainer, task, 0)
      seconds[i]!.push(result.seconds)
      scores[i] = result.score
    }
  }
  table('100,000 × 20 rows, 100 trees of depth 6, two classes', [
    ['', 'seconds (median)', 'least', 'most', '× LightGBM', 'AUC of 25,000 held-out rows'],
    ...trainers.map((trainer, i) => [
      trainer,
      median(seconds[i]!).toFixed(2),
      Math.min(...seconds[i]!).toFixed(2),
      Math.max(...seconds[i]!).toFixed(2),
      (median(seconds[i]!) / median(seconds[1]!)).toFixed(2),
      scores[i]!.toFixed(4),
    ]),
  ])
}

async function quality(): Promise<void> {
  const rows: string[][] = [['', ...trainers]]
  const housing = sampleData('housing/california-housing.csv')
  if (housing !== undefined) {
    const { features, target } = sampleFeatures(housing, 'median_house_value')
    const price = Float64Array.from(target, (cell) => Number(cell) / 100_000)
    rows.push(await crossValidated('housing, RMSE (100,000 $)', { features, target: price, kind: 'regression' }))
  }
  const telco = sampleData('telco/telco-customer-churn.csv')
  if (telco !== undefined) {
    const { features, target } = sampleFeatures(telco, 'Churn', ['customerID'])
    const left = Float64Array.from(target, (cell) => Number(cell === 'Yes'))
    rows.push(await crossValidated('telco, AUC', { features, target: left, kind: 'binary' }))
  }
  table('Five folds of real data, the options that are there by themselves: mean ± sd', rows)
}

async function crossValidated(name: string, task: Pick<Task, 'features' | 'target' | 'kind'>): Promise<string[]> {
  const whole = { ...task, parts: partsOf(task.target.length), options: {}, params: {}, findRounds: true }
  const cells: string[] = []
  for (const trainer of trainers) {
    const scores: number[] = []
    for (let fold = 0; fold < 5; fold++) scores.push((await train(trainer, whole, fold)).score)
    const mean = scores.reduce((a, b) => a + b) / scores.length
    const deviation = Math.sqrt(scores.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (scores.length - 1))
    cells.push(`${mean.toFixed(4)} ± ${deviation.toFixed(4)}`)
  }
  return [name, ...cells]
}

async function train(trainer: (typeof trainers)[number], task: Task, fold: number): Promise<Result> {
  const actual = pick(task.target, task.parts[fold]!)
  const { seconds, said } = trainer === 'edgewise' ? ours(task, fold) : await theirs(trainer, task, fold)
  const score = task.kind === 'binary' ? auc(actual, said) : rmse(actual, said)
  return { seconds, score }
}

function ours({ features, target, kind, parts, ...task }: Task, fold: number) {
  const learned = allBut(parts, fold)
  const training = { features: pickFeatures(features, learned), target: pick(target, learned) }
  const start = performance.now()
  const train = (options: Partial<GbdtOptions>, validation = new Int32Array(0)) =>
    trainGbdt({ ...training, objective: { kind }, seed: 1, options, validation })
  const rounds = task.findRounds
    ? train(task.options, Int32Array.from(learned.keys().filter((i) => i % 5 === 0))).trees.length
    : undefined
  const model = train({ ...task.options, ...(rounds !== undefined && { rounds }) })
  const seconds = (performance.now() - start) / 1_000
  const outputs = gbdtOutputs(model, pickFeatures(features, parts[fold]!))
  return { seconds, said: kind === 'binary' ? ofClass(outputs, 2, 1) : outputs }
}

async function theirs(peer: string, { features, target, kind, parts, params }: Task, fold: number) {
  const directory = temporaryDirectory()
  const path = (name: string) => join(directory.path, name)
  try {
    writeFileSync(path('features'), Buffer.concat(features.map(({ values }) => bytesOf(values))))
    writeFileSync(path('target'), bytesOf(target))
    writeFileSync(path('folds'), bytesOf(foldOfRow(parts)))
    const job = {
      peer,
      fold,
      rows: target.length,
      columns: features.length,
      categorical: features.flatMap(({ labels }, i) => (labels === undefined ? [] : [i])),
      params: { objective: kind, ...params },
      features: path('features'),
      target: path('target'),
      folds: path('folds'),
      said: path('said'),
    }
    const { stdout } = await run(python, [script, JSON.stringify(job)])
    const { seconds } = JSON.parse(stdout) as { seconds: number }
    return { seconds, said: new Float64Array(new Uint8Array(readFileSync(path('said'))).buffer) }
  } finally {
    directory.remove()
  }
}

function partsOf(rows: number): readonly Int32Array[] {
  return folds(new Float64Array(rows), 5, { seed: 1, stratified: false })
}

function foldOfRow(parts: readonly Int32Array[]): Int32Array {
  const found = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  for (const [fold, part] of parts.entries()) for (const row of part) found[row] = fold
  return found
}

function bytesOf(array: Float32Array | Float64Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
