import { describe, expect, it } from 'vitest'
import { score } from '../../../../core/model/anomaly/score.ts'
import { trainAnomaly } from '../../../../core/model/anomaly/train.ts'
import { createRandom } from '../../../../core/model/random.ts'

const hour = 3_600_000
const random = createRandom(1)
const values = Float64Array.from({ length: 960 }, (_, i) => 50 + 10 * Math.sin((2 * Math.PI * i) / 24) + random())
const model = trainAnomaly({ groups: [{ key: '', times: values.map((_, i) => i * hour), values }] })

describe('a single value', () => {
  it('is judged without being learnt, at any time', () => {
    const noon = score(model, '', 1_206 * hour, 60)
    expect(noon.isAnomaly).toBe(false)
    expect(score(model, '', 1_218 * hour, 60).isAnomaly).toBe(true)
    expect(score(model, '', 1_206 * hour, 60)).toEqual(noon)
    expect(() => score(model, 'x', 0, 1)).toThrow('no series `x`')
  })
})
