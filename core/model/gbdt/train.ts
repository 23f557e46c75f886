import { leafOf } from '#mesh/inference/trees.ts'
import type { Feature } from '../feature.ts'
import { createRandom } from '../random.ts'
import { binsOf } from './bins.ts'
import { growTree } from './grow.ts'
import { createHistograms } from './histogram.ts'
import type { GbdtModel, GbdtTree, Objective } from './model.ts'
import { lossOf } from './objective.ts'
import { checkTarget, invalid, optionsOf, type GbdtOptions } from './options.ts'

export interface GbdtTraining {
  readonly features: readonly Feature[]
  /** A number, or a class from 0. */
  readonly target: Float64Array
  readonly objective: Objective
  /** How much a row counts; 1 where it is left out. */
  readonly rowWeights?: Float64Array
  /** How much the rows of a class count, besides. */
  readonly classWeights?: readonly number[]
  /** Rows that nothing is learned from but when to stop. */
  readonly validation?: Int32Array
  readonly options?: Partial<GbdtOptions>
  readonly seed: number
  readonly onProgress?: (done: number, of: number) => void
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'>
}

/** Of the loss's unit: a gain below is the noise of sums. */
const leastShare = 1e-7

/**
 * Gradient-boosted trees over histograms: Friedman 2001; gains, bounds and missing values of XGBoost (Chen & Guestrin
 * 2016), histograms, leaf-wise growth and sets of categories of LightGBM (Ke et al. 2017). The same seed gives the same trees.
 */
export function trainGbdt(training: GbdtTraining): GbdtModel {
  const { features, target, objective, onProgress, signal } = training
  const options = optionsOf(training.options ?? {}, features)
  checkTarget(target, features[0]?.values.length ?? 0, objective)
  const random = createRandom(training.seed)
  const check = () => signal?.throwIfAborted()

  const { learned, held } = divide(target.length, training.validation)
  if (learned.length === 0) throw invalid('validation', 'leaves no row to learn from')
  check()
  const weights = weightsOf(training)
  const loss = lossOf(objective, target, weights, learned)
  check()
  const bins = binsOf(features, learned, options.bins, check)
  const growth = {
    bins,
    options: { ...options, leastGain: leastShare * loss.unit },
    histograms: createHistograms(bins),
    spare: new Uint32Array(target.length),
    check,
  }
  const scores = Array.from(loss.base, (score) => new Float64Array(target.length).fill(score))
  const gradients = new Float64Array(target.length)
  const hessians = new Float64Array(target.length)
  const trees: GbdtTree[] = []
  const losses: number[] = []
  let best = 0

  for (let round = 0; round < options.rounds; round++) {
    check()
    onProgress?.(round, options.rounds)
    const [drawn, left] = draw(learned, options.rowSample, random)
    loss.begin(scores)
    let split = false
    for (const [output, score] of scores.entries()) {
      loss.derive(output, scores, gradients, hessians)
      const ids = drawn.slice()
      const allowed = pick(features.length, options.columnSample, random)
      const { tree, leaves } = growTree(growth, { ids, gradients, hessians }, allowed)
      for (const { begin, end, value } of leaves) {
        for (let i = begin; i < end; i++) score[ids[i]!]! += value
      }
      addTree(tree, features, left, score)
      addTree(tree, features, held, score)
      trees.push(tree)
      split ||= leaves.length > 1
    }
    if (!split && round > 0) {
      trees.length = round * scores.length
      break
    }
    if (held.length === 0) continue
    losses.push(loss.mean(scores, held))
    if (losses[round]! < losses[best]!) best = round
    if (round - best >= options.earlyStoppingRounds) break
  }

  if (held.length > 0) trees.length = Math.min(trees.length, (best + 1) * scores.length)
  onProgress?.(options.rounds, options.rounds)
  return { objective, features: features.map(({ name }) => name), base: loss.base, trees, losses }
}

/** Rows to learn from and rows to stop by, each ascending. */
function divide(rows: number, validation: Int32Array | undefined) {
  const held = new Uint8Array(rows)
  for (const row of validation ?? []) held[row] = 1
  const all = new Uint32Array(rows).map((_, row) => row)
  return { learned: all.filter((row) => held[row] === 0), held: all.filter((row) => held[row] === 1) }
}

function weightsOf({ target, rowWeights, classWeights }: GbdtTraining): Float64Array {
  const weights = target.map((y, row) => (rowWeights?.[row] ?? 1) * (classWeights?.[y] ?? 1))
  if (!weights.every((weight) => weight >= 0 && weight < Infinity)) throw invalid('weights', 'must be 0 or more')
  return weights
}

/** A share of the rows, and the others. */
function draw(rows: Uint32Array, share: number, random: () => number): [drawn: Uint32Array, left: Uint32Array] {
  if (share === 1) return [rows, new Uint32Array(0)]
  const drawn = new Uint8Array(rows.length).map(() => Number(random() < share))
  return [rows.filter((_, i) => drawn[i] === 1), rows.filter((_, i) => drawn[i] === 0)]
}

/** A share of the features, at least one, ascending (Fisher & Yates). */
function pick(features: number, share: number, random: () => number): Int32Array {
  const all = Int32Array.from({ length: features }, (_, f) => f)
  if (share === 1) return all
  const count = Math.max(1, Math.round(features * share))
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (features - i))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all.slice(0, count).sort()
}

/** Adds what a tree says of rows that it was not grown with. */
function addTree(tree: GbdtTree, features: readonly Feature[], rows: Uint32Array, scores: Float64Array): void {
  for (const row of rows) scores[row]! += tree.value[leafOf(tree, (feature) => features[feature]!.values[row]!)]!
}
