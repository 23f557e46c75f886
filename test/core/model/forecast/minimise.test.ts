import { describe, expect, it } from 'vitest'
import { minimise } from '../../../../core/model/forecast/minimise.ts'

const bound = { lower: 0, upper: 1, start: 0.5 }

describe('the least of a function', () => {
  it('is found within its bounds', () => {
    const [x, y] = minimise(([x = 0, y = 0]) => (x - 0.2) ** 2 + 3 * (y - 0.7) ** 2 + x * y, [bound, bound], 200)
    expect(x).toBeCloseTo(0, 2)
    expect(y).toBeCloseTo(0.7, 2)
  })

  it('is at a bound where it is beyond', () => {
    expect(minimise(([x = 0]) => (x - 3) ** 2, [bound], 100)[0]).toBeCloseTo(1, 5)
  })

  it('takes no more evaluations than were allowed, but for one shrinking', () => {
    let calls = 0
    minimise(([x = 0, y = 0]) => (calls++, Math.sin(40 * x) + Math.cos(30 * y)), [bound, bound], 30)
    expect(calls).toBeLessThanOrEqual(33)
  })

  it('is not where the function has no value', () => {
    expect(minimise(([x = 0]) => (x < 0.6 ? NaN : x), [bound], 100)[0]).toBeCloseTo(0.6, 2)
  })
})
