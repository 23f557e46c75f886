import { expect, it } from 'vitest'
import { alarms } from '../../../../core/model/anomaly/alarms.ts'

it('points beyond the threshold are one alarm while they are no further apart than the cool-down', () => {
  const scores = Float64Array.of(0, 5, 0, -9, 0, 0, 0, 4, NaN, 3)
  expect(alarms(scores, 3.5, 2)).toEqual([
    { from: 1, to: 3, peak: 3, score: -9, points: 2 },
    { from: 7, to: 7, peak: 7, score: 4, points: 1 },
  ])
  expect(alarms(scores, 3.5, 4)).toHaveLength(1)
  expect(alarms(scores, 10, 4)).toEqual([])
})
