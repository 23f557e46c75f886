import { describe, expect, it } from 'vitest'
import { decompose } from '../../../../core/model/anomaly/decompose.ts'

const wave = (i: number): number => 10 * Math.sin((2 * Math.PI * i) / 24)

describe('trend, season and remainder', () => {
  it('add up to the values', () => {
    const values = Float64Array.from({ length: 300 }, (_, i) => wave(i) + i / 10 + ((i * 31) % 7))
    const { trend, season, remainder } = decompose(values, 24)
    for (const [i, value] of values.entries()) expect(trend[i]! + season[i]! + remainder[i]!).toBeCloseTo(value, 9)
  })

  it('are not moved by what is anomalous', () => {
    const values = Float64Array.from({ length: 480 }, (_, i) => 50 + wave(i))
    const spoilt = values.map((value, i) => (i >= 240 && i < 252 ? value + 500 : value))
    const { remainder } = decompose(spoilt, 24)
    for (const [i, rest] of remainder.entries()) {
      expect(Math.abs(rest - (i >= 240 && i < 252 ? 500 : 0))).toBeLessThan(12)
    }
  })

  it('of what is missing have no remainder, and of a whole missing season still a trend', () => {
    const values = Float64Array.from({ length: 240 }, (_, i) => (i > 60 && i < 130 ? NaN : 5))
    const { trend, remainder } = decompose(values, 24)
    expect([...trend].every((value) => value === 5)).toBe(true)
    expect(remainder.filter((rest) => Number.isNaN(rest))).toHaveLength(69)
  })
})
