import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../core/model/random.ts'

const draw = (seed: number, count: number) => {
  const random = createRandom(seed)
  return Array.from({ length: count }, random)
}

describe('numbers that a seed decides', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(draw(7, 100)).toEqual(draw(7, 100))
    expect(draw(7, 100)).not.toEqual(draw(8, 100))
  })

  it('are spread evenly, from the first one on', () => {
    const counts = new Int32Array(10)
    for (const x of draw(1, 100_000)) counts[Math.floor(x * 10)]! += 1
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400)
    const firsts = Array.from({ length: 1_000 }, (_, seed) => draw(seed, 1)[0]!)
    expect(firsts.reduce((a, b) => a + b) / 1_000).toBeCloseTo(0.5, 1)
  })
})
