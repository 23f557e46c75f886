import { expect, it } from 'vitest'
import { autocorrelations } from '../../../../core/model/forecast/autocorrelation.ts'

it('autocorrelations are those of the definition', () => {
  expect(autocorrelations(Float64Array.of(1, 2, 3, 4), [0, 1, 2])).toEqual([1, 0.25, -0.3])
})

it('nothing correlates where nothing varies', () => {
  expect(autocorrelations(new Float64Array(9).fill(0.1), [0, 1, 2])).toEqual([0, 0, 0])
})

it('a value that is missing says nothing', () => {
  expect(autocorrelations(Float64Array.of(1, NaN, -1, 1, -1), [1])).toEqual([-0.5])
})
