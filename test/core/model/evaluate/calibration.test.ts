import { describe, expect, it } from 'vitest'
import { naive, naiveWords, repeated } from '../../../../core/model/evaluate/baseline.ts'
import { calibration } from '../../../../core/model/evaluate/calibration.ts'

describe('calibration', () => {
  it('sets what was said against what came, bin by bin', () => {
    const chances = [0.05, 0.05, 0.95, 0.95, 1]
    const outputs = Float64Array.from(chances.flatMap((one) => [1 - one, one]))
    const { bins, expectedError } = calibration({ actual: Float64Array.of(0, 1, 1, 1, 1), outputs, classes: 2 })
    expect(bins.map(({ rows, from, to, came }) => [rows, from, to, came])).toEqual([
      [2, 0, 0.1, 0.5],
      [3, 0.9, 1, 1],
    ])
    expect(expectedError).toBeCloseTo((2 * 0.45 + 3 * (1 - 2.9 / 3)) / 5)
  })

  it('is of the class that is named where there are more than two', () => {
    const outputs = Float64Array.of(0.7, 0.2, 0.1, 0.1, 0.2, 0.7)
    const { bins } = calibration({ actual: Float64Array.of(0, 1), outputs, classes: 3 })
    expect(bins).toHaveLength(1)
    expect(bins[0]).toMatchObject({ rows: 2, came: 0.5 })
    expect(bins[0]!.said).toBeCloseTo(0.7)
  })
})

describe('the naive baseline', () => {
  it('is the mean of numbers, and how often each class came', () => {
    expect(naive(Float64Array.of(1, 2, 6), 0)).toEqual(Float64Array.of(3))
    expect(naive(Float64Array.of(0, 0, 1, 0), 2)).toEqual(Float64Array.of(0.75, 0.25))
    expect(repeated(Float64Array.of(0.75, 0.25), 2)).toEqual(Float64Array.of(0.75, 0.25, 0.75, 0.25))
  })

  it('says what it says', () => {
    expect(naiveWords(Float64Array.of(0.75, 0.25), ['no', 'yes'])).toBe('always no, which 75.0 % are')
    expect(naiveWords(Float64Array.of(3), [])).toBe('always the mean, 3.000')
  })
})
