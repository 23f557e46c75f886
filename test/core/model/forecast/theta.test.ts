import { describe, expect, it } from 'vitest'
import { line } from '../../../../core/model/forecast/seasons.ts'
import { project } from '../../../../core/model/forecast/state.ts'
import { theta } from '../../../../core/model/forecast/theta.ts'

describe('Theta', () => {
  it('is the mean of the line and of the smoothed doubled deviations from it, as first published', () => {
    const values = Float64Array.of(12, 15, 11, 18, 22, 19, 25, 23, 30, 28)
    const weight = 0.4
    const { level, slope } = line(values)
    let smoothed = 2 * values[0]! - level
    for (let i = 1; i < values.length; i++) {
      smoothed += weight * (2 * values[i]! - (level + slope * i) - smoothed)
    }
    const [state] = theta(values, weight, undefined, [values.length]).states
    for (const [i, value] of project(state!, 3).entries()) {
      expect(value).toBeCloseTo((level + slope * (values.length + i) + smoothed) / 2, 9)
    }
  })

  it('puts the season back, multiplied where all is positive, added elsewhere', () => {
    const places = [0.5, 1.5, 1, 1]
    const positive = Float64Array.from({ length: 40 }, (_, i) => 100 * places[i % 4]!)
    for (const less of [0, 80]) {
      const values = positive.map((value) => value - less)
      const [state] = theta(values, 0.2, 4, [40]).states
      expect(state!.seasons[0]!.kind).toBe(less === 0 ? 'multiply' : 'add')
      for (const [i, value] of project(state!, 4).entries()) expect(value).toBeCloseTo(values[i]!, 6)
    }
  })

  it('takes its indices from what was there before the first origin', () => {
    const values = Float64Array.from({ length: 40 }, (_, i) => 10 + (i % 4))
    const changed = values.map((value, i) => (i < 20 ? value : value * 7))
    expect(theta(changed, 0.2, 4, [20, 40]).states[0]).toEqual(theta(values, 0.2, 4, [20, 40]).states[0])
  })
})
