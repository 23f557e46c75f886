import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readForecast, writeArtefact } from '../../../../core/model/forecast/artefact.ts'
import { forecast } from '../../../../core/model/forecast/forecast.ts'
import { type ForecastRows, trainForecast } from '../../../../core/model/forecast/train.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { rollingDays, taxiRides } from '../../../support/taxi.ts'

const hour = 3_600_000

function hourly(length: number, of: (i: number) => number, key = ''): ForecastRows {
  return {
    key,
    times: Float64Array.from({ length }, (_, i) => i * hour),
    values: Float64Array.from({ length }, (_, i) => of(i)),
  }
}

const noise = (seed: number, width = 1): (() => number) => {
  const random = createRandom(seed)
  return () => width * (random() + random() + random() - 1.5)
}

const daily = (i: number): number => 10 + 5 * Math.sin((2 * Math.PI * i) / 24)
const methodsOf = (rows: ForecastRows, horizon = 6) =>
  trainForecast({ groups: [rows], horizon }).series[0]!.parts.map(({ method }) => method)

describe('a forecast', () => {
  it('goes on with the season, at the times that follow, within what it measured', () => {
    const random = noise(1)
    const model = trainForecast({ groups: [hourly(480, (i) => daily(i) + random())], horizon: 24 })
    const points = forecast(model, '')
    expect(points.map(({ timeMs }) => timeMs / hour)).toEqual(Array.from({ length: 24 }, (_, i) => 480 + i))
    for (const [i, { value, low80, high80, low95, high95 }] of points.entries()) {
      expect(Math.abs(value - daily(480 + i))).toBeLessThan(1)
      expect(low95 <= low80 && low80 < value && value < high80 && high80 <= high95).toBe(true)
    }
    const { measured, seasons } = model.series[0]!
    expect(seasons).toEqual([24])
    expect(measured!.chosen.mase).toBeLessThan(measured!.baseline.mase)
    expect(measured!.coverage!.of80).toBeGreaterThan(0.7)
  })

  it('is by what suits: a trend is followed, a random walk stays', () => {
    const random = noise(2)
    const trend = trainForecast({ groups: [hourly(200, (i) => 3 * i + random())], horizon: 10 })
    expect(forecast(trend, '').at(-1)!.value).toBeCloseTo(3 * 209, -1)
    let walk = 1_000
    const rows = hourly(300, () => (walk += noise(3)()))
    expect(
      Math.abs(forecast(trainForecast({ groups: [rows], horizon: 3 }), '')[0]!.value - rows.values[299]!),
    ).toBeLessThan(3)
  })

  it('of a constant is that constant, without any width', () => {
    const model = trainForecast({ groups: [hourly(100, () => 0.1)], horizon: 5 })
    for (const { value, low95, high95 } of forecast(model, '')) {
      expect(value).toBeCloseTo(0.1, 12)
      expect(high95 - low95).toBeLessThan(1e-12)
    }
  })

  it('of fewer than ten points is the last value, ever less sure', () => {
    const model = trainForecast({ groups: [hourly(5, (i) => [3, 5, 4, 6, 7][i]!)], horizon: 4 })
    expect(model.series[0]!.measured).toBeUndefined()
    const points = forecast(model, '')
    expect(points.map(({ value }) => value)).toEqual([7, 7, 7, 7])
    expect(points[3]!.high80 - 7).toBeCloseTo(2 * (points[0]!.high80 - 7))
  })

  it('of less than two seasons has none', () => {
    const random = noise(4)
    expect(trainForecast({ groups: [hourly(40, (i) => daily(i) + random())], horizon: 6 }).series[0]!.seasons).toEqual(
      [],
    )
  })

  it('is multiplied of nothing that is zero or less, and never negative where nothing ever was', () => {
    const random = noise(5)
    const low = hourly(480, (i) => Math.max(0, daily(i) - 8 + random()))
    expect(methodsOf(low)).not.toContain('Holt–Winters, multiplied')
    const model = trainForecast({ groups: [low], horizon: 24 })
    expect(Math.min(...forecast(model, '').map(({ low95 }) => low95))).toBe(0)
    const below = trainForecast({ groups: [hourly(480, (i) => daily(i) - 20 + random())], horizon: 24 })
    expect(Math.max(...forecast(below, '').map(({ value }) => value))).toBeLessThan(-3)
  })

  it('bears missing values', () => {
    const random = noise(6)
    const rows = hourly(600, (i) => (i % 7 === 3 || (i > 200 && i < 230) ? NaN : daily(i) + random()))
    const model = trainForecast({ groups: [rows], horizon: 24 })
    expect(model.series[0]!.missing).toBeGreaterThan(80)
    for (const [i, { value }] of forecast(model, '').entries()) {
      expect(Math.abs(value - daily(600 + i))).toBeLessThan(1.5)
    }
  })

  it('is each series’ own, and of a bad one there is the reason', () => {
    const bad = { ...hourly(3, (i) => i, 'bad'), times: Float64Array.of(0, hour, 1.4 * hour) }
    const groups = [hourly(100, daily, 'a'), hourly(100, (i) => -daily(i), 'b'), bad]
    const model = trainForecast({ groups, horizon: 3 })
    expect(forecast(model, 'a')[0]!.value).toBeCloseTo(daily(100), 0)
    expect(forecast(model, 'b')[0]!.value).toBeCloseTo(-daily(100), 0)
    expect(() => forecast(model, 'bad')).toThrow('no regular step')
    expect(() => forecast(model, 'c')).toThrow('no series `c`')
    expect(() => trainForecast({ groups: [bad], horizon: 3 })).toThrow('no regular step')
  })

  it('is finite numbers, kept in a file as they are, whatever the values', () => {
    const value = fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }), fc.constantFrom(NaN, 0, 1e99, 1e-300))
    fc.assert(
      fc.property(fc.array(value, { minLength: 12, maxLength: 80 }), (list) => {
        const rows = hourly(list.length + 2, (i) => list[i] ?? i)
        // At every other hour at least, so that there is a series.
        const values = rows.values.map((value, i) => (i % 2 === 0 && !(Math.abs(value) <= 1e100) ? 1 : value))
        const model = trainForecast({ groups: [{ ...rows, values }], horizon: 3 })
        const points = forecast(readForecast(writeArtefact(model).bytes), '')
        expect(points).toEqual(forecast(model, ''))
        for (const point of points) expect(Object.values(point).every(Number.isFinite)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('is refused for no rows, a horizon that is none, and further than it was trained for', () => {
    expect(() => trainForecast({ groups: [], horizon: 3 })).toThrow('no rows')
    for (const horizon of [0, 1.5, 5_001, NaN]) {
      expect(() => trainForecast({ groups: [hourly(50, daily)], horizon })).toThrow('1 to 5000')
    }
    const model = trainForecast({ groups: [hourly(50, daily)], horizon: 3 })
    expect(forecast(model, '', 2)).toHaveLength(2)
    expect(() => forecast(model, '', 4)).toThrow('1 to 3 steps')
  })

  it('is the same each time, tells how far it is, and stops when it is told', () => {
    const random = noise(7)
    const groups = [hourly(300, (i) => daily(i) + random(), 'a'), hourly(8, daily, 'b')]
    const seen: number[][] = []
    const train = () => trainForecast({ groups, horizon: 6, onProgress: (...at) => seen.push(at) })
    expect(train()).toEqual(train())
    expect(seen.at(-1)).toEqual([20, 20])
    const stop = new AbortController()
    expect(() =>
      trainForecast({ groups, horizon: 6, signal: stop.signal, onProgress: () => stop.abort(new Error('stopped')) }),
    ).toThrow('stopped')
  })
})

const rides = taxiRides()

describe.skipIf(rides === undefined)('the next day of taxi rides in New York', () => {
  it('is forecast better than by the week before, within intervals that hold about what they say', () => {
    const days = [...rollingDays(rides!, { first: 56, every: 10 })]
    const mean = (of: (day: (typeof days)[number]) => number) =>
      days.reduce((sum, day) => sum + of(day), 0) / days.length
    expect(mean(({ mae }) => mae)).toBeLessThan(0.95 * mean(({ naiveMae }) => naiveMae))
    expect(mean(({ within80 }) => within80)).toBeGreaterThan(0.65)
    expect(mean(({ within80 }) => within80)).toBeLessThan(0.92)
  }, 60_000)
})
