import { allBut } from '../evaluate/folds.ts'
import { type MetricName, metrics } from '../evaluate/metrics.ts'
import { dense } from '../features/dense.ts'
import { planDense } from '../features/plan-dense.ts'
import type { GbdtModel } from '../gbdt/model.ts'
import { gbdtOutputs } from '../gbdt/outputs.ts'
import { trainGbdt } from '../gbdt/train.ts'
import { denseRows } from '../linear/dense-rows.ts'
import { linearOutputs } from '../linear/outputs.ts'
import { lossOf, trainPath } from '../linear/train.ts'
import type { Candidate, GbdtCandidate, LinearCandidate } from './candidate.ts'
import { type FitOptions, objectiveOf } from './fit.ts'
import { pick, pickFeatures, type Rows } from './rows.ts'

/** How a candidate did on rows that it had not seen. */
export interface Tried {
  /** With what was found: the strength of the penalty, the rounds. */
  readonly candidate: Candidate
  readonly mean: number
  readonly sd: number
}

interface CrossValidation extends FitOptions {
  readonly rows: Rows
  /** Each is held out once. */
  readonly parts: readonly Int32Array[]
  readonly metric: MetricName
}

/**
 * The metric of each part by a model of the others. The one number that a candidate leaves open (strength, rounds) is
 * the one that is best over all parts, so it is seen by all: the rows of the final evaluation are none of these.
 */
export function crossValidate(candidate: Candidate, options: CrossValidation): Tried {
  return candidate.engine === 'linear' ? linear(candidate, options) : gbdt(candidate, options)
}

function linear(candidate: LinearCandidate, { rows, parts, metric, onProgress, ...options }: CrossValidation): Tried {
  const { features, target, classes, weights } = rows
  const all = dense(planDense(features), features)
  const found = parts.map((held, out) => {
    const learned = allBut(parts, out)
    const training = {
      ...options,
      dense: denseRows(all, learned),
      target: pick(target, learned),
      classes,
      rowWeights: weights && pick(weights, learned),
      penalty: candidate.penalty,
      lambda: candidate.lambda,
    }
    const asked = denseRows(all, held)
    const actual = pick(target, held)
    const steps = trainPath(training).map((model) => {
      const outputs = linearOutputs(model, asked)
      const value = metrics[metric].measure({ actual, outputs, classes })
      return { lambda: model.lambda, loss: lossOf(actual, outputs, classes), value }
    })
    onProgress?.(out + 1, parts.length)
    return steps
  })
  const losses = found[0]!.map((_, at) => found.reduce((sum, steps) => sum + steps[at]!.loss, 0))
  const best = losses.indexOf(Math.min(...losses))
  const { lambda } = found[0]![best]!
  return { candidate: { ...candidate, lambda }, ...spread(found.map((steps) => steps[best]!.value)) }
}

function gbdt(candidate: GbdtCandidate, { rows, parts, metric, onProgress, seed, signal }: CrossValidation): Tried {
  const { features, target, classes, weights } = rows
  const objective = objectiveOf(classes)
  const models = parts.map((held, out): GbdtModel => {
    return trainGbdt({
      features,
      target,
      objective,
      options: candidate.options,
      seed,
      validation: held,
      onProgress: (done, of) => onProgress?.(out * of + done, parts.length * of),
      ...(weights && { rowWeights: weights }),
      ...(signal && { signal }),
    })
  })
  const perRound = models[0]!.base.length
  const rounds = models.map(({ trees }) => Math.max(1, trees.length / perRound)).sort((a, b) => a - b)
  const most = rounds[Math.floor(rounds.length / 2)]!
  const values = models.map((model, at) => {
    const held = parts[at]!
    const shortened = { ...model, trees: model.trees.slice(0, most * perRound) }
    const outputs = gbdtOutputs(shortened, pickFeatures(features, held))
    return metrics[metric].measure({ actual: pick(target, held), outputs, classes })
  })
  return { candidate: { ...candidate, options: { ...candidate.options, rounds: most } }, ...spread(values) }
}

/** Of parts where the metric is defined. */
function spread(values: readonly number[]): { mean: number; sd: number } {
  const known = values.filter((value) => !Number.isNaN(value))
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, sd: Math.sqrt(squares / Math.max(1, known.length - 1)) }
}
