import type { Feature } from '../feature.ts'
import { addDense } from '../features/add-dense.ts'
import { dense } from '../features/dense.ts'
import { type DensePlan, planDense } from '../features/plan-dense.ts'
import type { GbdtModel, Objective } from '../gbdt/model.ts'
import { addTrees } from '../gbdt/onnx.ts'
import { gbdtOutputs } from '../gbdt/outputs.ts'
import { trainGbdt } from '../gbdt/train.ts'
import { addLinear } from '../linear/add-linear.ts'
import type { LinearModel } from '../linear/model.ts'
import { linearOutputs } from '../linear/outputs.ts'
import { trainLinear } from '../linear/train.ts'
import type { Graph, Value } from '../onnx/graph.ts'
import type { Candidate } from './candidate.ts'
import type { Rows } from './rows.ts'

/** Plain data. */
export type Fitted =
  | { readonly engine: 'linear'; readonly plan: DensePlan; readonly model: LinearModel }
  | { readonly engine: 'gbdt'; readonly model: GbdtModel }

export interface FitOptions {
  readonly seed: number
  readonly onProgress?: ((done: number, of: number) => void) | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

/** Trains a candidate on all of the rows. */
export function fit(candidate: Candidate, rows: Rows, options: FitOptions): Fitted {
  const { target, classes, features, weights } = rows
  if (candidate.engine === 'linear') {
    const plan = planDense(features)
    const { penalty, lambda } = candidate
    const given = { dense: dense(plan, features), target, classes, rowWeights: weights, penalty, lambda }
    return { engine: 'linear', plan, model: trainLinear({ ...given, ...options }) }
  }
  const { seed, ...others } = options
  const model = trainGbdt({
    features,
    target,
    objective: objectiveOf(classes),
    options: candidate.options,
    seed,
    ...(weights && { rowWeights: weights }),
    ...(others.onProgress && { onProgress: others.onProgress }),
    ...(others.signal && { signal: others.signal }),
  })
  return { engine: 'gbdt', model }
}

export function objectiveOf(classes: number): Objective {
  if (classes === 0) return { kind: 'regression' }
  return classes === 2 ? { kind: 'binary' } : { kind: 'multiclass', classes }
}

/** What it says of rows, as in `Scored`. */
export function outputsOf(fitted: Fitted, features: readonly Feature[]): Float64Array {
  if (fitted.engine === 'gbdt') return gbdtOutputs(fitted.model, features)
  return linearOutputs(fitted.model, dense(fitted.plan, features))
}

/** The same in a graph, from the matrix of features, float [rows, features]. */
export function addFitted(graph: Graph, x: Value, fitted: Fitted): Value {
  if (fitted.engine === 'gbdt') return addTrees(graph, x, fitted.model)
  return addLinear(graph, addDense(graph, x, fitted.plan), fitted.model)
}
