import { describe, expect, it } from 'vitest'
import { addFeatures } from '../../../../core/model/features/add-features.ts'
import { encode } from '../../../../core/model/features/encode.ts'
import { planFeatures } from '../../../../core/model/features/plan-features.ts'
import type { FeaturePlan } from '../../../../core/model/features/plan.ts'
import type { Table } from '../../../../core/model/table.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { numbers, runGraph, table, texts, times } from './fixture.ts'

const words = [
  'größer',
  '日本',
  '🙂',
  'a b',
  ' padded ',
  "it's",
  'NaN',
  '0',
  'x'.repeat(300),
  'e\u0301',
  '\u00e9',
  '\ufeff',
]
const marks = [-0, 0, 1e-45, -1e-40, 3.4e38, 1e39, Infinity, -Infinity, 16_777_217, 0.1, Number.NaN]
/** Around leap days, eras and the epoch. */
const days = [
  '1600-02-29',
  '1900-02-28',
  '1900-03-01',
  '1969-12-31',
  '1970-01-01',
  '2000-02-29',
  '2024-12-31',
  '2100-03-01',
]

function randomTable(seed: number, rows: number, unseen = ''): Table {
  const random = createRandom(seed)
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const some = <T>(make: () => T): T[] => Array.from({ length: rows }, make)
  return table(
    texts(
      'few',
      some(() => (random() < 0.1 ? null : pick(words) + (random() < 0.2 ? unseen : ''))),
    ),
    numbers(
      'a',
      some(() => (random() < 0.2 ? pick(marks) : (random() - 0.5) * 10 ** (60 * random() - 30))),
    ),
    times(
      't',
      some(() => {
        if (random() < 0.1) return Number.NaN
        if (random() < 0.3) return Date.parse(pick(days)) + Math.floor((random() - 0.5) * 4) * 43_200_000
        return Math.floor((random() - 0.5) * 2 * (random() < 0.2 ? 8.64e15 : 1e13))
      }),
    ),
    texts(
      'many',
      some(() => `${pick(words)} ${Math.floor(200 * random() ** 2)}${unseen}`),
    ),
    numbers(
      'b',
      some(() => Math.round(random() * 1000) / 10),
    ),
    times(
      'u',
      some(() => Date.UTC(2026, 0, 1) + Math.floor(random() * 1e9)),
    ),
  )
}

/** The first place where graph and `encode` differ. */
async function difference(plan: FeaturePlan, rows: Table): Promise<unknown> {
  const features = encode(plan, rows)
  const x = await runGraph(plan, rows, features.length, (graph) => addFeatures(graph, plan))
  if (x.length !== rows.rows * features.length) return { length: x.length }
  for (const [column, { name, values }] of features.entries()) {
    const made = values.map((_, row) => x[row * features.length + column]!)
    const at = values.findIndex((value, row) => !Object.is(value, made[row]))
    if (at >= 0) return { name, row: at, encoded: values[at], graph: made[at] }
  }
  return undefined
}

describe('the graph makes the features that training saw, to the bit', () => {
  for (const seed of [1, 2, 3]) {
    it(`of the rows of training and of rows with texts that were not there (${seed})`, async () => {
      const rows = randomTable(seed, 4000)
      const plan = planFeatures(rows)
      expect(plan.inputs).toHaveLength(6)
      expect(await difference(plan, rows)).toBeUndefined()
      expect(await difference(plan, randomTable(seed + 100, 2000, '!'))).toBeUndefined()
    })
  }

  it('of one row, and of one column', async () => {
    for (const name of ['few', 'a', 't']) {
      const rows = randomTable(7, 300)
      const plan = planFeatures({ ...rows, columns: rows.columns.filter((column) => column.name === name) })
      const one = randomTable(8, 1)
      expect(await difference(plan, one)).toBeUndefined()
    }
  })
})

describe('a text that was not in training', () => {
  const seen = texts('c', ['a', 'a', 'a', 'b', 'b', 'c'])
  const rows = table(texts('c', ['b', 'z', '', 'c!', null]))

  it('is missing where all that were are known', async () => {
    const plan = planFeatures(table(seen))
    expect([...encode(plan, rows)[0]!.values]).toEqual([1, Number.NaN, Number.NaN, Number.NaN, Number.NaN])
    expect(await difference(plan, rows)).toBeUndefined()
  })

  it('is one of the others where there were more than are known', async () => {
    const plan = planFeatures(table(seen), { maxLabels: 2 })
    expect(encode(plan, rows)[0]!.labels).toEqual(['a', 'b', '(other)'])
    expect([...encode(plan, rows)[0]!.values]).toEqual([1, 2, Number.NaN, 2, Number.NaN])
    expect(await difference(plan, rows)).toBeUndefined()
  })
})

it('a blank text is missing, and one with a NUL is another', () => {
  const plan = planFeatures(table(texts('c', ['a', 'b', 'a', ' '])))
  expect([...encode(plan, table(texts('c', ['a', '\t', 'a\0', 'b'])))[0]!.values]).toEqual([
    0,
    Number.NaN,
    Number.NaN,
    1,
  ])
})

it('the parts of a time are those of the calendar', () => {
  const random = createRandom(3)
  const moments = Array.from({ length: 20_000 }, () => Math.floor((random() - 0.5) * 1.7e16))
  const plan = planFeatures(table(times('t', moments)))
  const features = encode(plan, table(times('t', moments)))
  expect(features.map(({ name }) => name)).toEqual(['t.days', 't.month', 't.day', 't.weekday', 't.hour', 't.minute'])
  for (const [row, ms] of moments.entries()) {
    const date = new Date(ms)
    const [days, month, day, weekday, hour, minute] = features.map(({ values }) => values[row]!)
    expect([month, day, weekday, hour, minute]).toEqual([
      date.getUTCMonth(),
      date.getUTCDate(),
      (date.getUTCDay() + 6) % 7,
      date.getUTCHours(),
      date.getUTCMinutes(),
    ])
    expect(days).toBe(Math.fround(Math.floor(ms / 86_400_000)))
  }
})
