import { describe, expect, it } from 'vitest'
import { adapt, conformal, extend, randomWalk } from '../../../../core/model/forecast/interval.ts'
import { createRandom } from '../../../../core/model/random.ts'

const aims = { of80: 0.8, of95: 0.95 }

/** Errors of which those further ahead are larger: shape [origins, 4]. */
function errorsOf(origins: number, seed: number, widthOf: (origin: number) => number = () => 1): Float64Array {
  const random = createRandom(seed)
  return Float64Array.from({ length: origins * 4 }, (_, i) => {
    return (random() + random() - 1) * widthOf(Math.floor(i / 4)) * (1 + (i % 4))
  })
}

describe('intervals', () => {
  it('hold what they say of errors as those that they are made of', () => {
    let [held80, held95, count] = [0, 0, 0]
    for (let seed = 0; seed < 100; seed++) {
      const radius = conformal(errorsOf(100, seed), 4, aims)!
      for (const [i, error] of errorsOf(20, 1_000 + seed).entries()) {
        count++
        if (Math.abs(error) <= radius.of80[i % 4]!) held80++
        if (Math.abs(error) <= radius.of95[i % 4]!) held95++
      }
    }
    expect(held80 / count).toBeGreaterThan(0.79)
    expect(held80 / count).toBeLessThan(0.83)
    expect(held95 / count).toBeGreaterThan(0.945)
    expect(held95 / count).toBeLessThan(0.965)
  })

  it('are wider further ahead where errors are', () => {
    const { of80 } = conformal(errorsOf(100, 1), 4, aims)!
    expect(of80[3]! / of80[0]!).toBeGreaterThan(2)
  })

  it('of 95 % are wider than the largest error where there are few', () => {
    const few = Float64Array.of(1, 1, 1, 1)
    expect(conformal(few, 1, aims)!.of95[0]).toBeCloseTo(1.96 / 1.2816)
  })

  it('go by what there is where some is missing, and are none where all is', () => {
    expect(conformal(Float64Array.of(NaN, 2, NaN, 2), 2, aims)!.of80).toEqual([2, 2])
    expect(conformal(new Float64Array(4).fill(NaN), 2, aims)).toBeUndefined()
  })

  it('widen by the root of the steps beyond what was measured', () => {
    const longer = extend({ of80: [1, 3], of95: [2, 6] }, 8)
    expect([longer.of80[1], longer.of80[7], longer.of95[7]]).toEqual([3, 6, 12])
    const { of95 } = randomWalk(Float64Array.of(1, 2, NaN, 1), 4)
    expect([of95[0], of95[3]]).toEqual([1.96, 3.92])
  })
})

describe('shares that adapt', () => {
  const origins = Array.from({ length: 100 }, (_, i) => 100 + 4 * i)

  it('stay where errors stay', () => {
    const { shares, coverage } = adapt(errorsOf(100, 3), origins, 4)
    expect(shares.of80).toBeCloseTo(0.8, 1)
    expect(coverage!.of80).toBeGreaterThan(0.72)
    expect(coverage!.of80).toBeLessThan(0.9)
  })

  it('grow where errors grow, and say what was held in truth', () => {
    const growing = errorsOf(100, 3, (origin) => 1 + origin / 30)
    expect(adapt(growing, origins, 4).shares.of80).toBeGreaterThan(0.82)
    expect(adapt(growing, origins, 4).coverage!.of80).toBeGreaterThan(0.7)
  })

  it('know nothing of what had not ended then', () => {
    const overlapping = origins.map((_, i) => 100 + i)
    const { coverage } = adapt(errorsOf(5, 1), overlapping.slice(0, 5), 4)
    expect(coverage).toBeUndefined()
  })
})
