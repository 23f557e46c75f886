import { describe, expect, test } from 'vitest'
import { trainForecast } from '../../../../core/model/forecast/train.ts'
import { forecast } from '../../../../core/model/forecast/forecast.ts'
import { forecastRows } from '../../../../core/model/series/forecast-rows.ts'
import { keyOf } from '../../../../core/model/series/groups.ts'
import { createRandom } from '../../../../core/model/random.ts'

const hourMs = 3_600_000

function modelOf(keys: readonly string[]) {
  const random = createRandom(3)
  const times = Float64Array.from({ length: 24 * 14 }, (_, at) => Date.UTC(2026, 0, 5) + at * hourMs)
  const groups = keys.map((key, at) => ({
    key,
    times,
    values: Float64Array.from(times, (_, n) => 100 * (at + 1) + 30 * Math.sin((2 * Math.PI * n) / 24) + 4 * random()),
  }))
  return trainForecast({ groups, horizon: 6 })
}

const shops = modelOf([keyOf(['north', '1']), keyOf(['south', '2'])])

function reasons(rows: readonly unknown[], by: readonly string[] = ['shop', 'floor'], horizon = 0): unknown {
  try {
    return forecastRows(shops, by, { rows, horizon })
  } catch (thrown) {
    return (thrown as { errors: unknown }).errors
  }
}

describe('rows that name series', () => {
  test('are answered each with the steps of its own, as many as are asked for', () => {
    const rows = [
      { shop: 'south', floor: 2 },
      { floor: '1', shop: 'north' },
    ]
    const [south, north] = forecastRows(shops, ['shop', 'floor'], { rows, horizon: 2 })
    expect(south!.forecast).toEqual(
      forecast(shops, keyOf(['south', '2']), 2).map(({ timeMs, value, low80, high80 }) => ({
        time: new Date(timeMs).toISOString(),
        prediction: value,
        lower: low80,
        upper: high80,
      })),
    )
    expect(north!.forecast).toHaveLength(2)
    expect(forecastRows(shops, ['shop', 'floor'], { rows, horizon: 0 })[0]!.forecast).toHaveLength(6)
    expect(forecastRows(modelOf(['']), [], { rows: [{}], horizon: 0 })).toHaveLength(1)
  })

  test('are refused by place where they name none', () => {
    expect(
      reasons([
        { shop: 'south' },
        { shp: 'south', floor: 2 },
        { shop: 'south', floor: 1 },
        { shop: ['south'], floor: 1 },
        7,
        { shop: null, floor: null },
      ]),
    ).toEqual([
      { pointer: '/rows/0/floor', reason: 'is missing: series are told apart by shop, floor' },
      { pointer: '/rows/1/shp', reason: 'is not known; did you mean `shop`?' },
      { pointer: '/rows/2', reason: 'names no series of the model' },
      { pointer: '/rows/3/shop', reason: 'must be a text' },
      { pointer: '/rows/4', reason: 'must be an object' },
      { pointer: '/rows/5', reason: 'names no series of the model' },
    ])
    expect(reasons([])).toEqual([{ pointer: '/rows', reason: 'must be at least one row' }])
  })

  test('have as many steps as the model was trained for, and as fit', () => {
    const row = { shop: 'south', floor: 2 }
    expect(reasons([row], undefined, 7)).toEqual([{ pointer: 'horizon', reason: 'must be a whole number from 1 to 6' }])
    const many = Array.from({ length: 2_000 }, () => row)
    expect(reasons(many)).toEqual([{ pointer: 'horizon', reason: 'too many steps in all' }])
  })
})
