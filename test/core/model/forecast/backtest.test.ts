import { describe, expect, it } from 'vitest'
import { errors, plan, score } from '../../../../core/model/forecast/backtest.ts'

describe('where a past is cut off', () => {
  it('is whole seasons before its end, a hundred times at most', () => {
    const { origins, horizon } = plan(10_320, [48, 336], 48)
    expect([origins.length, horizon, origins.at(-1)]).toEqual([100, 48, 10_272])
    expect(new Set(origins.map((origin) => (10_320 - origin) % 48))).toEqual(new Set([0]))
  })

  it('is everywhere in the newer half, where there are few seasons', () => {
    expect(plan(36, [12], 12)).toEqual({ origins: [24, 25, 26, 27], horizon: 9 })
    expect(plan(20, [], 3).origins).toEqual([10, 11, 12, 13, 14, 15, 16, 17])
  })

  it('never leaves less than the horizon, which a short series shortens', () => {
    for (const points of [2, 3, 9, 40, 400]) {
      const { origins, horizon } = plan(points, [], 100)
      expect(horizon).toBe(Math.max(1, Math.floor(points / 4)))
      for (const origin of origins) expect(origin + horizon).toBeLessThanOrEqual(points)
    }
  })
})

it('errors are what came less what was forecast, and nothing where nothing came', () => {
  const off = errors(Float64Array.of(1, 2, 3, NaN), [1, 2], Float64Array.of(2, 2, 5, 5))
  expect([...off]).toEqual([0, 1, -2, NaN])
  expect(score(off)).toEqual({ mae: 1, rmse: Math.sqrt(5 / 3) })
})
