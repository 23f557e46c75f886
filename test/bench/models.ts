/**
 * How good models of real data are: five folds that a seed deals, each held out from everything once (choice of the
 * trainer, of its settings, training), then asked through the ONNX file that training gave.
 *
 *   node test/bench/models.ts [--seed 1]
 */
import { parseArgs } from 'node:util'
import { allBut, folds } from '../../core/model/evaluate/folds.ts'
import { type MetricName, metrics } from '../../core/model/evaluate/metrics.ts'
import { planTarget } from '../../core/model/features/plan-target.ts'
import { takeRows } from '../../core/model/features/take-rows.ts'
import { pick } from '../../core/model/train/rows.ts'
import { train, type Training } from '../../core/model/train/train.ts'
import { sampleData } from '../support/optional.ts'
import { runOnnx } from '../support/run-onnx.ts'
import { sampleTable } from '../support/sample-table.ts'
import { table } from './report.ts'

const { values: given } = parseArgs({ options: { seed: { type: 'string', default: '1' } } })
const seed = Number(given.seed)

interface Task {
  readonly file: string
  readonly target: string
  readonly engine: Training['engine']
  readonly metric: MetricName
  /** What figures are printed in. */
  readonly unit: number
  readonly aim: string
}

const tasks: readonly Task[] = [
  { file: 'telco/telco-customer-churn.csv', target: 'Churn', engine: 'auto', metric: 'auc', unit: 1, aim: '≥ 0.843' },
  {
    file: 'housing/california-housing.csv',
    target: 'median_house_value',
    engine: 'gbdt',
    metric: 'rmse',
    unit: 100_000,
    aim: '≤ 0.470',
  },
]

const rows: string[][] = []
for (const task of tasks) {
  const path = sampleData(task.file)
  if (path !== undefined) rows.push(await measure(task, path))
}
table('Models of real data, five folds', [
  ['data', 'engine', 'metric', 'mean ± sd', 'aim', 'chosen', 'seconds a model'],
  ...rows,
])

async function measure({ target, engine, metric, unit, aim }: Task, path: string): Promise<string[]> {
  const all = sampleTable(path)
  const { plan, values } = planTarget(all, target)
  const classes = plan.task === 'classification' ? plan.labels.length : 0
  const parts = folds(values, 5, { seed, stratified: classes > 0 })
  const found: number[] = []
  const chosen: string[] = []
  const begun = performance.now()
  for (const [out, held] of parts.entries()) {
    const { onnx, signature, card } = train({ table: takeRows(all, allBut(parts, out)), target, engine, seed })
    const outputs = await runOnnx(onnx, signature, takeRows(all, held))
    const value = metrics[metric].measure({ actual: pick(values, held), outputs, classes }) / unit
    const tried = card.tried.map(
      ({ name, mean, sd }) => `${name} ${(mean / unit).toFixed(4)} ± ${(sd / unit).toFixed(4)}`,
    )
    process.stderr.write(`${target}, fold ${out + 1}: ${metric} ${value.toFixed(4)}; tried ${tried.join(', ')}\n`)
    found.push(value)
    chosen.push(card.chosen)
  }
  const seconds = (performance.now() - begun) / 1_000 / parts.length
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length
  const sd = Math.sqrt(found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (found.length - 1))
  const often = [...new Set(chosen)].map((name) => `${name} × ${chosen.filter((other) => other === name).length}`)
  return [target, engine, metric, `${mean.toFixed(4)} ± ${sd.toFixed(4)}`, aim, often.join(', '), seconds.toFixed(1)]
}
