import { Failure } from '#mesh/errors.ts'
import type { Feature } from '../feature.ts'
import { maxBins } from './bins.ts'
import type { Objective } from './model.ts'

export interface GbdtOptions {
  readonly rounds: number
  /** What is kept of every tree's advice. */
  readonly learningRate: number
  readonly maxDepth: number
  readonly maxLeaves: number
  /** Least sum of hessians on either side of a split. */
  readonly minChildWeight: number
  /** Least rows on either side of a split, as LightGBM counts them: estimated by the hessian. */
  readonly minRows: number
  readonly l2: number
  /** Most intervals of a number, at most 255. */
  readonly bins: number
  /** Share of the rows that a round sees. */
  readonly rowSample: number
  /** Share of the features that a tree sees. */
  readonly columnSample: number
  /** One a feature: 1 where the score may only rise with it, −1 where it may only fall. None where it is left out. */
  readonly monotone: readonly (-1 | 0 | 1)[]
  /** Rounds without a better loss on the rows of validation, after which training ends. */
  readonly earlyStoppingRounds: number
}

/**
 * LightGBM's, but for more and smaller steps over changing columns, which small data does not bear without rows of
 * validation to stop by.
 */
export const defaults: GbdtOptions = {
  rounds: 300,
  learningRate: 0.08,
  maxDepth: 12,
  maxLeaves: 31,
  minChildWeight: 1e-3,
  minRows: 20,
  l2: 1,
  bins: maxBins,
  rowSample: 1,
  columnSample: 0.6,
  monotone: [],
  earlyStoppingRounds: 20,
}

const bounds: Readonly<Record<Exclude<keyof GbdtOptions, 'monotone'>, readonly [least: number, most: number]>> = {
  rounds: [1, 10_000],
  learningRate: [1e-4, 1],
  maxDepth: [1, 64],
  maxLeaves: [2, 4_096],
  minChildWeight: [1e-6, 1e9],
  minRows: [1, 1e9],
  l2: [0, 1e9],
  bins: [2, maxBins],
  rowSample: [0.01, 1],
  columnSample: [0.01, 1],
  earlyStoppingRounds: [1, 10_000],
}

const whole = new Set<keyof GbdtOptions>(['rounds', 'maxDepth', 'maxLeaves', 'bins', 'earlyStoppingRounds'])

export function optionsOf(given: Partial<GbdtOptions>, features: readonly Feature[]): GbdtOptions {
  const options = { ...defaults, ...given }
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const [least, most] = bounds[name]
    const value = options[name]
    if (!(value >= least && value <= most) || (whole.has(name) && !Number.isInteger(value))) {
      throw invalid(name, `must be ${whole.has(name) ? 'a whole number ' : ''}from ${least} to ${most}`)
    }
  }
  for (const [i, { name, labels }] of features.entries()) {
    if (labels !== undefined && labels.length > maxBins) {
      throw invalid(name, `has ${labels.length} categories, and trees take ${maxBins}: join the rare ones first`)
    }
    if (labels !== undefined && (options.monotone[i] ?? 0) !== 0) {
      throw invalid('monotone', `${name} is a category, which has no order`)
    }
  }
  return options
}

/** Every target is a number, and of a classification a class. */
export function checkTarget(target: Float64Array, rows: number, objective: Objective): void {
  if (target.length !== rows) throw invalid('target', `has ${target.length} rows, and the features have ${rows}`)
  if (rows === 0) throw invalid('target', 'has no rows')
  const classes = classesOf(objective)
  for (const y of target) {
    const holds = classes === undefined ? Number.isFinite(y) : Number.isInteger(y) && y >= 0 && y < classes
    if (!holds)
      throw invalid('target', classes === undefined ? 'must be finite' : `must be a class, 0 to ${classes - 1}`)
  }
}

function classesOf(objective: Objective): number | undefined {
  if (objective.kind === 'regression') return undefined
  return objective.kind === 'binary' ? 2 : objective.classes
}

export function invalid(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `${pointer} ${reason}.`, { errors: [{ pointer, reason }] })
}
