import { describe, expect, it } from 'vitest'
import { auc } from '../../../../core/model/evaluate/auc.ts'
import { createRandom } from '../../../../core/model/random.ts'

const of = (...numbers: number[]): Float64Array => Float64Array.from(numbers)

describe('auc', () => {
  it('is 1 where every positive is above every negative, 0 the other way round, ½ where all are equal', () => {
    expect(auc(of(0, 0, 1), of(0.1, 0.2, 0.3))).toBe(1)
    expect(auc(of(1, 1, 0), of(0.1, 0.2, 0.3))).toBe(0)
    expect(auc(of(1, 0, 0, 1), of(7, 7, 7, 7))).toBe(0.5)
  })

  it('is the share of pairs in order, ties half, as counted pair by pair', () => {
    const random = createRandom(7)
    for (let round = 0; round < 20; round++) {
      const actual = Float64Array.from({ length: 60 }, () => Number(random() < 0.4))
      const predicted = Float64Array.from({ length: 60 }, () => Math.floor(random() * 8))
      let wins = 0
      let pairs = 0
      for (const [i, one] of actual.entries()) {
        for (const [j, other] of actual.entries()) {
          if (one !== 1 || other !== 0) continue
          pairs++
          wins += predicted[i]! > predicted[j]! ? 1 : predicted[i] === predicted[j] ? 0.5 : 0
        }
      }
      expect(auc(actual, predicted)).toBeCloseTo(wins / pairs, 12)
    }
  })

  it('is not defined with one class', () => {
    expect(auc(of(1, 1), of(0.1, 0.2))).toBeNaN()
    expect(auc(of(), of())).toBeNaN()
  })
})
