import { describe, expect, it } from 'vitest'
import { indexAt, regular, timeAt } from '../../../../core/model/forecast/series.ts'

const day = 86_400_000
const times = (...texts: string[]): Float64Array => Float64Array.from(texts, (text) => Date.parse(`${text}Z`))
const numbers = (...list: number[]): Float64Array => Float64Array.from(list)

describe('rows as a regular series', () => {
  it('are put in order, with what is missing between them', () => {
    const rows = times('2026-01-04T00:00', '2026-01-01T00:00', '2026-01-02T00:00', '2026-01-05T00:00')
    const series = regular(rows, numbers(4, 1, 2, 5))
    expect(series.step).toEqual({ kind: 'ms', ms: day })
    expect([...series.values]).toEqual([1, 2, NaN, 4, 5])
  })

  it('begin and end with a value: rows without a time or a value have no place', () => {
    const rows = times('2026-01-01T00:00', '2026-01-01T01:00', '2026-01-01T02:00', '2026-01-01T03:00')
    const series = regular(Float64Array.of(...rows, NaN), numbers(NaN, 1, 2, Infinity, 9))
    expect([...series.values]).toEqual([1, 2])
    expect(series.startMs).toBe(rows[1])
  })

  it('may come by months, of which the last days are as regular as the first', () => {
    const first = regular(times('2025-11-01', '2025-12-01', '2026-02-01', '2026-03-01'), numbers(1, 2, 4, 5))
    expect([...first.values]).toEqual([1, 2, NaN, 4, 5])
    const last = regular(times('2026-01-31', '2026-02-28', '2026-03-31'), numbers(1, 2, 3))
    expect(last.step).toEqual({ kind: 'months', months: 1, day: 31 })
    expect(new Date(timeAt(last, 3)).toISOString().slice(0, 10)).toBe('2026-04-30')
    const quarters = regular(times('2025-04-01', '2025-07-01', '2025-10-01', '2026-01-01'), numbers(1, 2, 3, 4))
    expect(quarters.step).toEqual({ kind: 'months', months: 3, day: 1 })
  })

  it('bear days that the clocks make an hour shorter or longer', () => {
    const rows = times('2026-03-27T23:00', '2026-03-28T23:00', '2026-03-29T22:00', '2026-03-30T22:00')
    expect([...regular(rows, numbers(1, 2, 3, 4)).values]).toEqual([1, 2, 3, 4])
  })

  it('are refused with the way out where the times have no step', () => {
    const rows = times('2026-01-01T00:00', '2026-01-01T01:00', '2026-01-01T02:00', '2026-01-01T02:25')
    expect(() => regular(rows, numbers(1, 2, 3, 4))).toThrow(
      'most rows are 1 hours apart, 2026-01-01T02:25:00.000Z is not',
    )
  })

  it('are refused where two have the same time', () => {
    const rows = times('2026-01-01', '2026-01-02', '2026-01-02', '2026-01-03')
    expect(() => regular(rows, numbers(1, 2, 3, 4))).toThrow('two rows for 2026-01-02')
    expect(() => regular(times('2026-01-01', '2026-01-01'), numbers(1, 2))).toThrow('only rows for 2026-01-01')
  })

  it('are refused where there are too few, or most are missing', () => {
    expect(() => regular(times('2026-01-01'), numbers(1))).toThrow('at least 2')
    const rows = Float64Array.of(0, 1, 2, 1_000_000).map((days) => days * day)
    expect(() => regular(rows, numbers(1, 2, 3, 4))).toThrow('most are missing')
  })

  it('are the newest twenty thousand, where there are more', () => {
    const rows = Float64Array.from({ length: 30_000 }, (_, i) => i * 60_000)
    const { values, startMs } = regular(
      rows,
      rows.map((_, i) => i),
    )
    expect([values.length, values[0], startMs]).toEqual([20_000, 10_000, 600_000_000])
  })
})

describe('a place in a series', () => {
  it('is found from its time, and its time from it', () => {
    for (const step of [
      { kind: 'ms', ms: 1_800_000 },
      { kind: 'months', months: 1, day: 31 },
    ] as const) {
      const series = { startMs: Date.UTC(2026, 0, 31), step }
      for (const index of [-2, 0, 1, 13, 40]) expect(indexAt(series, timeAt(series, index))).toBe(index)
    }
  })
})
