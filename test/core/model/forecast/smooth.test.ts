import { describe, expect, it } from 'vitest'
import { smooth } from '../../../../core/model/forecast/smooth.ts'
import { project } from '../../../../core/model/forecast/state.ts'

const plain = { level: 0.5, trend: 0, damping: 1, seasons: [], echo: 0 }

describe('exponential smoothing', () => {
  it('is the weighted mean of what was and what is', () => {
    const { states } = smooth(Float64Array.of(2, 4, 8), plain, [1, 2, 3])
    expect(states.map(({ level }) => level)).toEqual([2, 3, 5.5])
    expect([...project(states[2]!, 2)]).toEqual([5.5, 5.5])
  })

  it('takes a missing value to be as expected', () => {
    const { states } = smooth(Float64Array.of(2, 4, NaN, 8), plain, [3, 4])
    expect(states.map(({ level }) => level)).toEqual([3, 5.5])
  })

  it('goes on with a straight line, or with ever less of it where it is damped', () => {
    const line = Float64Array.from({ length: 30 }, (_, i) => 5 + 2 * i)
    const holt = smooth(line, { ...plain, trend: 0.1 }, [30]).states[0]!
    expect([...project(holt, 3)].map((value) => value.toFixed(6))).toEqual(['65.000000', '67.000000', '69.000000'])
    const damped = project({ ...holt, damping: 0.5 }, 3)
    expect(damped[0]).toBeCloseTo(64)
    expect(damped[2]! - damped[1]!).toBeCloseTo(0.25)
  })

  it('repeats seasons, added, multiplied and two at once', () => {
    const places = [1, 5, 3, -9]
    const added = Float64Array.from({ length: 24 }, (_, i) => 100 + places[i % 4]!)
    const withSeason = (kind: 'add' | 'multiply') => ({ ...plain, seasons: [{ length: 4, kind, weight: 0.2 }] })
    for (const kind of ['add', 'multiply'] as const) {
      const [state] = smooth(added, withSeason(kind), [22]).states
      const ahead = project(state!, 4)
      for (const [i, value] of [103, 91, 101, 105].entries()) expect(ahead[i]).toBeCloseTo(value, 6)
    }
    const both = Float64Array.from({ length: 48 }, (_, i) => 100 + places[i % 4]! + (i % 12 > 8 ? 30 : 0))
    const seasons = [4, 12].map((length) => ({ length, kind: 'add' as const, weight: 0.1 }))
    const [state] = smooth(both, { ...plain, level: 0.1, seasons }, [48]).states
    for (const [i, value] of project(state!, 12).entries()) expect(value).toBeCloseTo(both[i]!, 6)
  })

  it('lets an error echo, less with each step', () => {
    const [state] = smooth(Float64Array.of(10, 10, 10, 14), { ...plain, level: 0, echo: 0.5 }, [4]).states
    expect([...project(state!, 3)]).toEqual([12, 11, 10.5])
  })

  it('stands at an origin as if nothing had come after it', () => {
    const values = Float64Array.from({ length: 40 }, (_, i) => (i * 37) % 11)
    const seasonal = { ...plain, seasons: [{ length: 7, kind: 'add' as const, weight: 0.3 }] }
    const [early] = smooth(values, seasonal, [30, 40]).states
    expect(smooth(values.subarray(0, 30), seasonal, [30]).states[0]).toEqual(early)
  })
})
