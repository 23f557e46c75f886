import { blocks, folds, shuffled } from '../evaluate/folds.ts'
import { isBetter, type MetricName } from '../evaluate/metrics.ts'
import type { Candidate } from './candidate.ts'
import { crossValidate, type Tried } from './cross-validate.ts'
import type { FitOptions } from './fit.ts'
import { pickRows, type Rows } from './rows.ts'

interface ChooseOptions extends FitOptions {
  readonly candidates: readonly Candidate[]
  readonly rows: Rows
  readonly metric: MetricName
  /** The rows are in the order of time. */
  readonly isOrdered: boolean
  /** Parts of cross-validation. */
  readonly folds?: number | undefined
}

/** From this many rows on three parts tell candidates apart as well as five. */
const manyRows = 20_000
/** More rows make the choice no better. */
const maxRows = 50_000

/** Tries every candidate on the same parts of the same rows: all of them, and the best, of equals the first. */
export function choose(options: ChooseOptions): { readonly tried: readonly Tried[]; readonly best: Candidate } {
  const { candidates, metric, isOrdered, seed, onProgress, signal } = options
  const all = options.rows.target.length
  const rows = all <= maxRows ? options.rows : pickRows(options.rows, shuffled(all, seed).subarray(0, maxRows).sort())
  const { target, classes } = rows
  const k = options.folds ?? (target.length > manyRows ? 3 : 5)
  const parts = isOrdered ? blocks(target.length, k) : folds(target, k, { seed, stratified: classes > 0 })
  const tried = candidates.map((candidate, at) => {
    const partly = (done: number, of: number): void => onProgress?.(at * of + done, candidates.length * of)
    return crossValidate(candidate, { rows, parts, metric, seed, signal, onProgress: partly })
  })
  const best = tried.reduce((one, other) => (isBetter(metric, other.mean, one.mean) ? other : one))
  return { tried, best: best.candidate }
}
