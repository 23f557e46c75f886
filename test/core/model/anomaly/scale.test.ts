import { describe, expect, it } from 'vitest'
import { scales, thresholdOf } from '../../../../core/model/anomaly/scale.ts'
import { createRandom } from '../../../../core/model/random.ts'

describe('how much remainders vary', () => {
  it('is of each place in the season, whatever single ones are', () => {
    const random = createRandom(1)
    const remainder = Float64Array.from({ length: 2_400 }, (_, i) => {
      return (random() + random() + random() - 1.5) * 2 * (i % 24 < 12 ? 1 : 10)
    })
    remainder[5] = 1e9
    const found = scales(remainder, 24)
    expect(found[5]! / 1).toBeCloseTo(1, 0)
    expect(found[18]! / 10).toBeCloseTo(1, 0)
  })

  it('is never zero', () => {
    expect(scales(new Float64Array(48), 24).every((scale) => scale > 0)).toBe(true)
    const rare = Float64Array.from({ length: 48 }, (_, i) => (i === 7 ? 48 : 0))
    expect(scales(rare, 1)).toEqual(Float64Array.of(1))
  })
})

describe('the threshold', () => {
  const exponential = (): Float64Array => {
    const random = createRandom(2)
    return Float64Array.from({ length: 50_000 }, () => -3 * Math.log(1 - random()) * (random() < 0.5 ? -1 : 1))
  }

  it('is beyond the stated share of points', () => {
    for (const rate of [0.01, 0.001]) {
      const scores = exponential()
      const threshold = thresholdOf(scores, rate)
      const beyond = scores.filter((score) => Math.abs(score) > threshold).length / scores.length
      expect(beyond / rate).toBeGreaterThan(0.7)
      expect(beyond / rate).toBeLessThan(1.4)
    }
  })

  it('is hardly moved by anomalies, and never below three scales', () => {
    const spoilt = exponential().map((score, i) => (i % 50 === 0 ? 1_000 : score))
    expect(thresholdOf(spoilt, 0.001) / thresholdOf(exponential(), 0.001)).toBeLessThan(1.25)
    expect(thresholdOf(new Float64Array(100), 0.001)).toBe(3)
  })
})
