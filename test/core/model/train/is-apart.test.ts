import { describe, expect, it } from 'vitest'
import { planDense } from '../../../../core/model/features/plan-dense.ts'
import type { Feature } from '../../../../core/model/feature.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { isApart } from '../../../../core/model/train/is-apart.ts'

const rows = 600

function columns(seed: number, of: (random: () => number, row: number) => readonly number[]): readonly Feature[] {
  const random = createRandom(seed)
  const table = Array.from({ length: rows }, (_, row) => of(random, row))
  return table[0]!.map((_, at) => ({ name: `x${at}`, values: Float32Array.from(table, (row) => row[at]!) }))
}

function judged(features: readonly Feature[]): boolean {
  return isApart({ features, plan: planDense(features), ks: [2, 3, 4], seed: 1 })
}

describe('segments', () => {
  it('are apart where rows of several clouds are', () => {
    const clouds = columns(1, (random, row) => [(row % 3) * 2 + random(), ((row % 3) % 2) * 2 + random(), random()])
    expect(judged(clouds)).toBe(true)
  })

  it('are none where columns have nothing to do with one another, however they are spread', () => {
    const spread = {
      even: (random: () => number) => random(),
      skewed: (random: () => number) => Math.exp(2 * (random() + random() + random() - 1.5)),
      'of two kinds': (random: () => number) => (random() < 0.3 ? 0 : 9) + random(),
    }
    const said = Object.values(spread).flatMap((one) =>
      [1, 2, 3, 4].map((seed) => judged(columns(seed, (random) => [one(random), one(random), one(random)]))),
    )
    // Of twenty one may be.
    expect(said.filter(Boolean).length).toBeLessThanOrEqual(2)
  })

  it('are none of one column alone, which says it itself', () => {
    expect(judged(columns(1, (random, row) => [(row % 2) * 9 + random()]))).toBe(false)
  })
})
