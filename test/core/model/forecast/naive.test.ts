import { expect, it } from 'vitest'
import { naive } from '../../../../core/model/forecast/naive.ts'
import { project } from '../../../../core/model/forecast/state.ts'

it('the last season comes again, and of what is missing there the one before', () => {
  const [state] = naive(Float64Array.of(1, 2, 3, 4, NaN, 6, 7), 3, [7]).states
  expect([...project(state!, 4)]).toEqual([2, 6, 7, 2])
})

it('the last value comes again where a season was never seen whole', () => {
  const [state] = naive(Float64Array.of(1, 2), 3, [2]).states
  expect([...project(state!, 3)]).toEqual([2, 1, 2])
})
