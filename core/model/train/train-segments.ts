import { dense } from '../features/dense.ts'
import { encode } from '../features/encode.ts'
import { planDense } from '../features/plan-dense.ts'
import { planFeatures, type PlanOptions } from '../features/plan-features.ts'
import { numbersOfSegments, trainKmeans } from '../kmeans/train.ts'
import type { Table } from '../table.ts'
import type { SegmentsCard } from './card.ts'
import type { FitOptions } from './fit.ts'
import { isApart } from './is-apart.ts'
import { progressOf } from './progress.ts'
import { type Artefact, writeSegments } from './write-model.ts'

export interface SegmentsTraining extends FitOptions {
  readonly table: Table
  readonly options?: Pick<PlanOptions, 'ignore' | 'keep' | 'maxLabels'> & { readonly k?: number }
}

export interface TrainedSegments extends Artefact {
  readonly card: SegmentsCard
}

/** Groups of rows that are alike, by k-means: one ONNX file from raw columns to segments, and its card. */
export function trainSegments({ table, options = {}, seed, onProgress, signal }: SegmentsTraining): TrainedSegments {
  const progress = progressOf(onProgress, { learn: 60, compare: 40 })
  const plan = planFeatures(table, options)
  const features = encode(plan, table)
  const columns = planDense(features)
  const common = { plan: columns, ks: options.k === undefined ? numbersOfSegments : [options.k], seed, signal }
  const model = trainKmeans({ dense: dense(columns, features), ...common, onProgress: progress.learn })
  const card: SegmentsCard = {
    task: 'segments',
    rows: { used: plan.rows, dropped: plan.dropped },
    inputs: plan.inputs.map(({ name }) => name),
    notes: plan.notes,
    segments: model.segments,
    silhouette: model.silhouette,
    tried: model.tried,
    beatsBaseline: isApart({ features, ...common, onProgress: progress.compare }),
    seed,
    parameters: { engine: 'kmeans', k: model.segments.length },
  }
  return { ...writeSegments(plan, columns, model), card }
}
