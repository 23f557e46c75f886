import { describe, expect, it } from 'vitest'
import { importance } from '../../../../core/model/evaluate/importance.ts'
import { slices } from '../../../../core/model/evaluate/slices.ts'
import type { Table } from '../../../../core/model/table.ts'
import { createRandom } from '../../../../core/model/random.ts'

const rows = 400
const random = createRandom(3)
const codes = Int32Array.from({ length: rows }, (_, row) => (row % 20 === 0 ? -1 : row % 3))
const size = Float64Array.from({ length: rows }, (_, row) => row)
const time = Float64Array.from({ length: rows }, (_, row) => Date.UTC(2026, 0, 1) + row * 3_600_000)
const noise = Float64Array.from({ length: rows }, () => random())
const table: Table = {
  rows,
  columns: [
    { name: 'plan', kind: 'category', codes, labels: ['free', 'team', 'größer'] },
    { name: 'size', kind: 'number', values: size },
    { name: 'since', kind: 'time', values: time },
    { name: 'noise', kind: 'number', values: noise },
  ],
}
const actual = new Float64Array(rows)

describe('slices', () => {
  it('name where the model is worst, worst first', () => {
    const outputs = Float64Array.from(codes, (code) => (code === 1 ? 5 : 1))
    const [worst, ...others] = slices({ actual, outputs, classes: 0 }, table.columns, 'rmse')
    expect(worst).toEqual({
      column: 'plan',
      condition: '= team',
      rows: codes.filter((code) => code === 1).length,
      value: 5,
    })
    expect(others.map(({ value }) => value)).toEqual(others.map(({ value }) => value).sort((a, b) => b - a))
    expect(others.length).toBeLessThan(5)
  })

  it('cut numbers and times at their quartiles', () => {
    const outputs = Float64Array.from(size, (value) => (value >= 299 ? 5 : 1))
    const found = slices({ actual, outputs, classes: 0 }, table.columns.slice(1, 3), 'rmse')
    expect(found).toEqual([
      { column: 'size', condition: '>= 299', rows: 101, value: 5 },
      { column: 'since', condition: '>= 2026-01-13T11:00:00.000Z', rows: 101, value: 5 },
    ])
  })

  it('leave out what has fewer than 30 rows', () => {
    const outputs = Float64Array.from(codes, (code) => (code < 0 ? 100 : 0))
    const found = slices({ actual, outputs, classes: 0 }, table.columns.slice(0, 1), 'rmse')
    expect(found).toEqual([])
  })
})

describe('importance', () => {
  it('is what the metric loses without a column, and nothing for one that is not used', () => {
    const predict = ({ columns }: Table): Float64Array => {
      const [plan, sized] = columns
      if (plan?.kind !== 'category' || sized?.kind !== 'number') throw new Error('other columns')
      return sized.values.map((value, row) => value + 10 * plan.codes[row]!)
    }
    const options = { table, actual: predict(table), classes: 0, metric: 'rmse', seed: 5, predict } as const
    const found = importance(options)
    expect(found.map(({ column }) => column).slice(0, 2)).toEqual(['size', 'plan'])
    expect(found.slice(2).map(({ loss }) => loss)).toEqual([0, 0])
    expect(importance(options)).toEqual(found)
  })
})
