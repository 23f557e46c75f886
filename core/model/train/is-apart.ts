import { shuffled } from '../evaluate/folds.ts'
import type { Feature } from '../feature.ts'
import { dense } from '../features/dense.ts'
import type { DensePlan } from '../features/plan-dense.ts'
import { tryEach } from '../kmeans/try-each.ts'
import { pickFeatures } from './rows.ts'

interface Apartness {
  readonly features: readonly Feature[]
  readonly plan: DensePlan
  readonly ks: readonly number[]
  readonly seed: number
  readonly onProgress?: ((done: number, of: number) => void) | undefined
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined
}

/** To be above all of them by chance happens once in twenty times. */
const shufflings = 19
const maxRows = 500
const restarts = 2

/**
 * Whether rows fall into segments better than their columns do that have nothing to do with one another: the best silhouette
 * is above that of each of 19 tables of the same columns, shuffled one by one (a permutation test at 5 %; the reference of
 * Shi & Horvath 2006, in place of the gap statistic's uniform one of Tibshirani et al. 2001, which calls every skewed column
 * segments). So it is not of what one column says alone.
 */
export function isApart({ features, plan, ks, seed, onProgress, signal }: Apartness): boolean {
  const check = (): void => signal?.throwIfAborted()
  const rows = shuffled(features[0]?.values.length ?? 0, seed).subarray(0, maxRows)
  const some = pickFeatures(features, rows)
  const apart = (of: readonly Feature[]): number => {
    const { values, names } = dense(plan, of)
    const trials = { points: values, columns: names.length, judged: rows.length, ks, restarts, seed, check }
    return Math.max(...tryEach(trials).map(({ silhouette }) => silhouette))
  }
  const own = apart(some)
  for (let n = 0; n < shufflings; n++) {
    onProgress?.(n, shufflings)
    const from = seed + n * some.length
    const mixed = some.flatMap((feature, at) => pickFeatures([feature], shuffled(rows.length, from + at)))
    if (apart(mixed) >= own) return false
  }
  return own > 0
}
