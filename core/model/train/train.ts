import { headline } from '../evaluate/metrics.ts'
import { encode } from '../features/encode.ts'
import type { FeaturePlan, TargetPlan } from '../features/plan.ts'
import { planFeatures, type PlanOptions } from '../features/plan-features.ts'
import { targetOf } from '../features/plan-target.ts'
import { takeRows } from '../features/take-rows.ts'
import type { Table } from '../table.ts'
import { candidatesOf, type Settings } from './candidate.ts'
import type { PredictionCard } from './card.ts'
import { choose } from './choose.ts'
import { fit, type FitOptions } from './fit.ts'
import { judge } from './judge.ts'
import { withMonotone } from './monotone.ts'
import { parametersOf } from './parameters.ts'
import { progressOf } from './progress.ts'
import { balancedWeights, pick, type Rows } from './rows.ts'
import { split } from './split.ts'
import { type Artefact, writePrediction } from './write-model.ts'

export interface TrainOptions extends Settings, Omit<PlanOptions, 'target'> {
  /** Share of the rows that the final evaluation is made on. */
  readonly holdout?: number
  /** The rows are in the order of time: the last are held out. */
  readonly isOrdered?: boolean
  /** Parts of cross-validation. */
  readonly folds?: number
  readonly classWeight?: 'balanced' | 'none'
  /** By raw column: 1 where the answer may only rise with it, −1 where it may only fall. */
  readonly monotone?: Readonly<Record<string, 1 | -1>>
}

export interface Training extends FitOptions {
  readonly table: Table
  readonly target: string
  readonly engine: 'auto' | 'gbdt' | 'linear'
  readonly options?: TrainOptions
}

export interface Trained extends Artefact {
  readonly card: PredictionCard
}

/**
 * A model of the target, chosen by cross-validation among candidates, judged on rows that neither training nor the choice
 * has seen, then trained again on all rows: one ONNX file from raw columns to answers, and its card. The same rows,
 * options and seed give the same bytes.
 */
export function train({ table, target, engine, options = {}, seed, onProgress, signal }: Training): Trained {
  const { holdout = 0.2, isOrdered = false, classWeight = 'none', monotone = {} } = options
  const progress = progressOf(onProgress, { choose: 60, learn: 10, judge: 10, learnAll: 20 })
  const plan = planFeatures(table, { ...options, target })
  const goal = goalOf(plan)
  const known = targetOf(goal, table)
  const used = Int32Array.from(known.keys()).filter((row) => !Number.isNaN(known[row]))
  const all = takeRows(table, used)
  const actual = pick(known, used)
  const labels = goal.task === 'classification' ? goal.labels : []
  const classes = labels.length

  const { learned, held, how } = split(actual, holdout, { classes, isOrdered, seed })
  const learnedTable = takeRows(all, learned)
  const learnedPlan = planFeatures(learnedTable, { ...options, target, task: goal.task })
  const rows = rowsOf(learnedPlan, learnedTable, pick(actual, learned))

  const metric = headline(classes)
  // A linear model cannot be told which way to go.
  const kind = engine === 'auto' && Object.keys(monotone).length > 0 ? 'gbdt' : engine
  const candidates = candidatesOf(kind, options).map((one) => withMonotone(one, rows.features, monotone))
  const chosen = { candidates, rows, metric, isOrdered, folds: options.folds, seed, signal }
  const { tried, best } = choose({ ...chosen, onProgress: progress.choose })

  const fitted = fit(best, rows, { seed, signal, onProgress: progress.learn })
  const { beatsBaseline, ...judged } = judge({
    plan: learnedPlan,
    fitted,
    learned: rows.target,
    table: takeRows(all, held),
    actual: pick(actual, held),
    labels,
    metric,
    seed,
    signal,
    onProgress: progress.judge,
  })

  const allRows = rowsOf(plan, all, actual)
  const candidate = withMonotone(best, allRows.features, monotone)
  const final = fit(candidate, allRows, { seed, signal, onProgress: progress.learnAll })
  const card: PredictionCard = {
    task: goal.task,
    target: goal.name,
    labels,
    rows: { used: plan.rows, dropped: plan.dropped },
    inputs: plan.inputs.map(({ name }) => name),
    notes: plan.notes,
    metric,
    tried: tried.map(({ candidate, mean, sd }) => ({
      name: candidate.name,
      mean,
      sd,
      parameters: parametersOf(candidate),
    })),
    chosen: best.name,
    holdout: { ...judged, split: how },
    beatsBaseline,
    seed,
    parameters: { engine: candidate.engine, ...parametersOf(candidate), class_weight: classWeight },
  }
  return { ...writePrediction(plan, final), card }

  function rowsOf(plan: FeaturePlan, from: Table, target: Float64Array): Rows {
    const weights = classes > 0 && classWeight === 'balanced' ? balancedWeights(target, classes) : undefined
    return { features: encode(plan, from), target, classes, weights }
  }
}

function goalOf({ target }: FeaturePlan): TargetPlan {
  if (target === undefined) throw new Error('The plan has no target.')
  return target
}
