import { expect, test } from 'vitest'
import { trainAnomaly } from '../../../../core/model/anomaly/train.ts'
import { trainForecast } from '../../../../core/model/forecast/train.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { drawAnomalies, drawForecast } from '../../../../core/model/series/drawings.ts'
import { keyOf } from '../../../../core/model/series/groups.ts'

const hourMs = 3_600_000
const random = createRandom(1)
/** Six weeks of hours with a day's rhythm, and one hour that is missing. */
const groups = ['north', 'south'].map((shop, at) => {
  const values = Float64Array.from({ length: 24 * 42 }, (_, n) => {
    return 100 + 50 * at + 40 * Math.sin((2 * Math.PI * (n % 24)) / 24) + 5 * random()
  })
  values[1_000] = Number.NaN
  if (at === 0) values.fill(0, 400, 406)
  return { key: keyOf([shop]), times: values.map((_, n) => n * hourMs), values }
})

test('a forecast is drawn from its newest points to its last step, in time without a gap', () => {
  const drawings = drawForecast(trainForecast({ groups, horizon: 24 }), groups)
  expect(drawings.map(({ series }) => series)).toEqual([['north'], ['south']])
  for (const [at, { past, ahead }] of drawings.entries()) {
    expect([past.length, ahead.length]).toEqual([72, 24])
    const times = [...past, ...ahead].map(([ms]) => ms)
    expect(times.slice(1).every((ms, i) => ms === times[i]! + hourMs)).toBe(true)
    expect(past.map(([, value]) => value)).toEqual(
      Array.from(groups[at]!.values.subarray(-72), (value) => (Number.isNaN(value) ? null : value)),
    )
    for (const [, value, low80, high80, low95, high95] of ahead) {
      expect([low95, low80, value, high80, high95]).toEqual(
        [low95, low80, value, high80, high95].toSorted((a, b) => a! - b!),
      )
    }
  }
})

test('what is watched is drawn as what was between the least and the greatest, with its alarms', () => {
  const [north] = drawAnomalies(trainAnomaly({ groups }), groups)
  expect(north!.alarms).toEqual([[400 * hourMs, 405 * hourMs]])
  expect(north!.past.length).toBeLessThanOrEqual(400)
  expect(north!.past.every(([, low, high]) => low <= high)).toBe(true)
  expect(Math.min(...north!.past.map(([, low]) => low))).toBe(0)
})
