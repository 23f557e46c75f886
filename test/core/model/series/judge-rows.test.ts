import { describe, expect, it } from 'vitest'
import { follow } from '../../../../core/model/anomaly/follow.ts'
import { trainAnomaly } from '../../../../core/model/anomaly/train.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { keyOf } from '../../../../core/model/series/groups.ts'
import { createRowJudge } from '../../../../core/model/series/judge-rows.ts'

const hour = 3_600_000
const random = createRandom(1)
const value = (i: number): number => 50 + 10 * Math.sin((2 * Math.PI * i) / 24) + 2 * (random() + random() - 1)
const past = Float64Array.from({ length: 960 }, (_, i) => (i === 500 || i === 503 ? 200 : value(i)))
const [north, south] = [keyOf(['north']), keyOf(['south'])]
const times = past.map((_, i) => i * hour)
const model = trainAnomaly({
  groups: [
    { key: north, times, values: past },
    { key: south, times, values: past.map((_, i) => value(i)) },
  ],
})
const none = { anomaly: null, alarm: null, score: null, expected: null, low: null, high: null }

describe('rows of a series', () => {
  it('are judged as they would be one by one as they come, whatever series stand between', () => {
    const judge = createRowJudge(model)
    const follower = follow(model.series[0]!)
    for (let i = 960; i < 1_000; i++) {
      const said = i === 970 ? 90 : value(i)
      judge(south, i * hour, value(i))
      const { isAnomaly, isAlarm, ...rest } = follower.next(i * hour, said)
      expect(judge(north, i * hour, said)).toEqual({ anomaly: isAnomaly, alarm: isAlarm, ...rest })
      expect(isAlarm).toBe(i === 970)
    }
  })

  it('that it was trained from were anomalous where training found them so', () => {
    const judge = createRowJudge(model)
    const odd = [499, 500, 501, 503, 504].map((i) => judge(north, i * hour, 50))
    expect(odd.map(({ anomaly, alarm }) => [anomaly, alarm])).toEqual([
      [false, false],
      [true, true],
      [true, false],
      [true, false],
      [false, false],
    ])
    expect(odd[1]).toMatchObject({ score: null, expected: null })
  })

  it('without a value, a time, or of a series that it does not know are not judged', () => {
    const judge = createRowJudge(model)
    expect(judge(keyOf(['east']), 1_000 * hour, 1)).toEqual(none)
    expect(judge(north, Number.NaN, 1)).toEqual(none)
    expect(judge(north, 1_000 * hour, Number.NaN)).toEqual(none)
    expect(judge(north, 1_000 * hour, Infinity)).toEqual(none)
    expect(judge(north, 999 * hour, value(999))).toMatchObject({ anomaly: false })
  })

  it('must come in the order of time', () => {
    const judge = createRowJudge(model)
    judge(north, 1_000 * hour, value(1_000))
    judge(south, 990 * hour, value(990))
    expect(() => judge(north, 999 * hour, value(999))).toThrow(
      'The row of `north` for 1970-02-11T15:00:00.000Z comes after that for 1970-02-11T16:00:00.000Z.',
    )
  })
})
