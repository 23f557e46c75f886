import { describe, expect, it } from 'vitest'
import { accuracy, balancedAccuracy, brier, f1Macro, logLoss } from '../../../../core/model/evaluate/classification.ts'
import { headline, isBetter, measureAll } from '../../../../core/model/evaluate/metrics.ts'
import { mae, mape, r2, rmse } from '../../../../core/model/evaluate/regression.ts'
import { silhouette } from '../../../../core/model/evaluate/silhouette.ts'

const of = (...numbers: number[]): Float64Array => Float64Array.from(numbers)

describe('metrics of classes', () => {
  const actual = of(0, 0, 0, 1, 2)
  const named = of(0, 0, 1, 1, 0)

  it('count what was named', () => {
    expect(accuracy(actual, named)).toBeCloseTo(3 / 5)
    expect(balancedAccuracy(actual, named)).toBeCloseTo((2 / 3 + 1 + 0) / 3)
    expect(f1Macro(actual, named)).toBeCloseTo((2 / 3 + 2 / 3 + 0) / 3)
  })

  it('a class that is named and never occurs costs F1, and no recall', () => {
    expect(balancedAccuracy(of(0, 0), of(0, 4))).toBeCloseTo(1 / 2)
    expect(f1Macro(of(0, 0), of(0, 4))).toBeCloseTo((2 / 3 + 0) / 2)
  })

  it('weigh probabilities', () => {
    expect(logLoss(of(1, 0), of(0.2, 0.8, 0.5, 0.5), 2)).toBeCloseTo(-(Math.log(0.8) + Math.log(0.5)) / 2)
    expect(brier(of(1, 0), of(0.2, 0.8, 0.5, 0.5), 2)).toBeCloseTo((0.04 + 0.25) / 2)
    expect(brier(of(2), of(0.2, 0.3, 0.5), 3)).toBeCloseTo(0.04 + 0.09 + 0.25)
  })

  it('a class that was thought impossible and came costs much, and not everything', () => {
    expect(logLoss(of(1), of(1, 0), 2)).toBeCloseTo(34.54, 1)
  })
})

describe('metrics of numbers', () => {
  it('measure errors', () => {
    expect(rmse(of(1, 2), of(1, 4))).toBeCloseTo(Math.sqrt(2))
    expect(mae(of(1, 2), of(1, 4))).toBe(1)
    expect(r2(of(1, 2, 3), of(2, 2, 2))).toBe(0)
    expect(mape(of(0, 2), of(5, 3))).toBe(0.5)
  })

  it('are not defined where there is nothing to measure by', () => {
    expect(rmse(of(), of())).toBeNaN()
    expect(r2(of(3, 3), of(3, 3))).toBeNaN()
    expect(mape(of(0), of(1))).toBeNaN()
    expect(measureAll({ actual: of(0, 0), outputs: of(0, 1), classes: 0 })).toEqual({ rmse: Math.SQRT1_2, mae: 0.5 })
  })
})

describe('silhouette', () => {
  it('compares the own segment with the next: rows at 0, 1, 10 and 12', () => {
    const points = [0, 1, 10, 12]
    const distances = Float32Array.from(points.flatMap((a) => points.map((b) => Math.abs(a - b))))
    const each = [(11 - 1) / 11, (10 - 1) / 10, (9.5 - 2) / 9.5, (11.5 - 2) / 11.5]
    const mean = each.reduce((sum, value) => sum + value, 0) / 4
    expect(silhouette(distances, Int32Array.of(0, 0, 1, 1), 2)).toBeCloseTo(mean, 6)
  })

  it('gives 0 for a row alone, and nothing for one segment', () => {
    const distances = Float32Array.of(0, 1, 1, 0)
    expect(silhouette(distances, Int32Array.of(0, 1), 2)).toBe(0)
    expect(silhouette(distances, Int32Array.of(0, 0), 2)).toBeNaN()
  })
})

it('what is better depends on the metric', () => {
  expect(['rmse', 'auc', 'log_loss']).toEqual([0, 2, 3].map(headline))
  expect(isBetter('auc', 0.8, 0.7)).toBe(true)
  expect(isBetter('rmse', 0.8, 0.7)).toBe(false)
})
