import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAnomaly } from '../../../../core/model/anomaly/artefact.ts'
import { trainAnomaly } from '../../../../core/model/anomaly/train.ts'
import { writeArtefact } from '../../../../core/model/forecast/artefact.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { taxiRides, windowsHit } from '../../../support/taxi.ts'

const hour = 3_600_000

function rows(length: number, of: (i: number) => number, key = '') {
  return {
    key,
    times: Float64Array.from({ length }, (_, i) => i * hour),
    values: Float64Array.from({ length }, (_, i) => of(i)),
  }
}

function daily(seed: number): (i: number) => number {
  const random = createRandom(seed)
  return (i) => 50 + 10 * Math.sin((2 * Math.PI * i) / 24) + random() + random() + random() - 1.5
}

describe('the anomalies of a history', () => {
  it('are where it was off, one alarm for points that belong together', () => {
    const ordinary = daily(1)
    const off = (i: number) => (i >= 400 && i < 405 ? 20 : i === 700 ? -30 : 0)
    const { history } = trainAnomaly({ groups: [rows(1_000, (i) => ordinary(i) + off(i))] }).series[0]!
    expect(history.map(({ fromMs, toMs, points }) => [fromMs / hour, toMs / hour, points])).toEqual([
      [400, 404, 5],
      [700, 700, 1],
    ])
    expect(history[0]!.score).toBeGreaterThan(0)
    expect(history[1]!.score).toBeLessThan(0)
    expect(history[1]!.value - history[1]!.expected).toBeCloseTo(-30, -1)
  })

  it('are high values at an hour that is low on other days', () => {
    const ordinary = daily(2)
    const { history } = trainAnomaly({ groups: [rows(1_000, (i) => (i === 474 ? 58 : ordinary(i)))] }).series[0]!
    expect(history.map(({ peakMs }) => peakMs / hour)).toEqual([474])
  })

  it('are as few as was asked for where there are none', () => {
    let points = 0
    for (let seed = 0; seed < 10; seed++) {
      const [series] = trainAnomaly({ groups: [rows(1_000, daily(10 + seed))], rate: 0.001 }).series
      points += series!.history.reduce((sum, alarm) => sum + alarm.points, 0)
    }
    expect(points).toBeLessThanOrEqual(20)
  })

  it('are found without a season, and none in a constant', () => {
    const random = createRandom(3)
    const flat = trainAnomaly({ groups: [rows(200, (i) => (i === 150 ? 9 : random()))] })
    expect(flat.series[0]!.history.map(({ peakMs }) => peakMs / hour)).toEqual([150])
    const constant = trainAnomaly({ groups: [rows(200, (i) => (i === 150 ? 6 : 5))] })
    expect(constant.series[0]!.history.map(({ peakMs }) => peakMs / hour)).toEqual([150])
    expect(trainAnomaly({ groups: [rows(200, () => 5)] }).series[0]!.history).toEqual([])
  })

  it('leave a model of finite numbers, whatever the values', () => {
    const value = fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }), fc.constantFrom(NaN, 0, 1e99, 1e-300))
    fc.assert(
      fc.property(fc.array(value, { minLength: 12, maxLength: 80 }), (list) => {
        const { times, values } = rows(list.length + 2, (i) => list[i] ?? i)
        // At every other hour at least, so that there is a series.
        const some = values.map((value, i) => (i % 2 === 0 && !(Math.abs(value) <= 1e100) ? 1 : value))
        const model = trainAnomaly({ groups: [{ key: '', times, values: some }] })
        expect(readAnomaly(writeArtefact(model).bytes)).toEqual(JSON.parse(JSON.stringify(model)))
      }),
      { numRuns: 100 },
    )
  })

  it('are each series’ own; of a short one there is the reason', () => {
    const model = trainAnomaly({ groups: [rows(200, daily(4), 'a'), rows(4, daily(5), 'b')] })
    expect(model.series.map(({ key }) => key)).toEqual(['a'])
    expect(model.left[0]!.reason).toContain('4 points; at least 10')
    expect(() => trainAnomaly({ groups: [rows(4, daily(5))] })).toThrow('at least 10')
    expect(() => trainAnomaly({ groups: [] })).toThrow('no rows')
    expect(() => trainAnomaly({ groups: [rows(200, daily(4))], rate: 0.5 })).toThrow('up to 0.05')
  })
})

const rides = taxiRides()

describe.skipIf(rides === undefined)('taxi rides in New York', () => {
  it('were anomalous at the marathon, the holidays and the blizzard, and hardly else', () => {
    const { history } = trainAnomaly({ groups: [{ key: '', ...rides! }] }).series[0]!
    const { hit, outside } = windowsHit(rides!, history)
    expect(hit).toBeGreaterThanOrEqual(4)
    expect(outside.length).toBeLessThanOrEqual(5)
  })
})
