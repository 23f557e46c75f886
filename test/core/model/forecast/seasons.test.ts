import { describe, expect, it } from 'vitest'
import { detectSeasons } from '../../../../core/model/forecast/seasons.ts'
import { createRandom } from '../../../../core/model/random.ts'

const hours = { kind: 'ms', ms: 3_600_000 } as const
const seconds = { kind: 'ms', ms: 7_000 } as const

function series(length: number, of: (i: number) => number, seed = 1): Float64Array {
  const random = createRandom(seed)
  return Float64Array.from({ length }, (_, i) => of(i) + 2 * (random() + random() + random() - 1.5))
}

const wave = (i: number, length: number): number => Math.sin((2 * Math.PI * i) / length)

describe('seasons', () => {
  it('are days, and weeks on top of them', () => {
    expect(detectSeasons({ step: hours, values: series(1_000, (i) => 3 * wave(i, 24)) })).toEqual([24])
    const weekly = (i: number) => 3 * wave(i, 24) + (Math.floor(i / 24) % 7 > 4 ? 4 : 0)
    expect(detectSeasons({ step: hours, values: series(1_000, weekly) })).toEqual([24, 168])
  })

  it('are found beside a trend, and with values missing', () => {
    const values = series(1_000, (i) => 3 * wave(i, 24) + i / 20)
    for (let i = 100; i < 150; i++) values[i] = NaN
    expect(detectSeasons({ step: hours, values })).toEqual([24])
  })

  it('are years of months', () => {
    const step = { kind: 'months', months: 1, day: 1 } as const
    expect(detectSeasons({ step, values: series(48, (i) => 5 * wave(i, 12) + i) })).toEqual([12])
  })

  it('are of any length where the calendar has none', () => {
    expect(detectSeasons({ step: seconds, values: series(600, (i) => 3 * wave(i, 37)) })).toEqual([37])
  })

  it('are rarely seen in noise, be it white or slow', () => {
    const noises = Array.from({ length: 40 }, (_, seed) => series(500, () => 0, seed))
    const walks = noises.map((noise) => {
      let sum = 0
      return noise.map((value) => (sum = 0.9 * sum + value))
    })
    const found = [...noises, ...walks].filter((values) => detectSeasons({ step: hours, values }).length > 0)
    // A day and a week are tested, and each lets 5 % pass: eight of these eighty, more or less.
    expect(found.length).toBeLessThan(15)
  })

  it('are none of what is constant, short or a straight line', () => {
    expect(detectSeasons({ step: hours, values: new Float64Array(100).fill(3) })).toEqual([])
    expect(detectSeasons({ step: hours, values: series(30, (i) => 9 * wave(i, 24)) })).toEqual([])
    expect(detectSeasons({ step: hours, values: Float64Array.from({ length: 200 }, (_, i) => i) })).toEqual([])
  })
})
