import { expect, it } from 'vitest'
import { median, medianInPlace, quantile } from '../../../../core/model/anomaly/median.ts'

it('quantiles are of what is there', () => {
  expect(median([3, NaN, 1, 2])).toBe(2)
  expect(median([10, 2])).toBe(6)
  expect(quantile([0, 10, 20, 30, 40], 0.8)).toBe(32)
  expect(median([])).toBeNaN()
})

it('a few numbers are sorted where they are', () => {
  expect(medianInPlace(Float64Array.of(3, -1, 2))).toBe(2)
  expect(medianInPlace(Float64Array.of(10, 2, 3, 8))).toBe(5.5)
  expect(medianInPlace(Float64Array.of(7))).toBe(7)
})
