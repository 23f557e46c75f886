import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { planFeatures } from '../../../../core/model/features/plan-features.ts'
import { sampleData } from '../../../support/optional.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { csvTable, numbers, table, texts, times } from './fixture.ts'

const rows = 200
const random = createRandom(5)
const noise = Array.from({ length: rows }, random)
const other = Array.from({ length: rows }, random)
const churned = Array.from({ length: rows }, (_, row) => (noise[row]! + random() > 1 ? 'yes' : 'no'))
const price = Array.from({ length: rows }, (_, row) => 100 * noise[row]! + random())

function failure(work: () => unknown): Failure {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
  }
  throw new Error('It was expected to fail.')
}

describe('columns that say nothing are left out, and why is said', () => {
  test.each([
    ['a constant', numbers('c', Array(rows).fill(7)), /same in every row/],
    ['what is the system’s', numbers('_row', noise), /by its name/],
    ['a constant text', texts('c', Array(rows).fill('x')), /same in every row/],
    ['what is missing throughout', texts('c', Array(rows).fill(null)), /missing in every row/],
    ['what is infinite throughout', numbers('c', Array(rows).fill(Infinity)), /missing in every row/],
    [
      'a text for each row',
      texts(
        'c',
        noise.map(String).map((text) => `u${text}`),
      ),
      /identifier, or free text/,
    ],
    [
      'numbers that grow with the rows',
      numbers(
        'c',
        noise.keys().map((row) => 3 * row),
      ),
      /grow from row to row/,
    ],
    [
      'numbers without gaps',
      numbers(
        'c',
        noise.keys().map((row) => (row * 7) % rows),
      ),
      /different in each row/,
    ],
    [
      'what is called an id',
      numbers(
        'orderId',
        noise.keys().map((row) => (row * 7919) % 10_007),
      ),
      /different in each/,
    ],
    [
      'digits that are texts, one a row',
      texts(
        'c',
        noise.map((_, row) => String((row * 7919) % 10_007)),
      ),
      /identifier/,
    ],
    ['the same numbers', numbers('c', noise), /same as `noise`/],
    ['the target itself', texts('c', churned), /is the target, or decides it/],
    [
      'the target in other words',
      numbers(
        'c',
        churned.map((value) => (value === 'yes' ? 1 : 0)),
      ),
      /is the target, or/,
    ],
    [
      'what decides the target',
      texts(
        'c',
        churned.map((value, row) => `${value}${row % 9}`),
      ),
      /is the target, or/,
    ],
    [
      'what is there only where the target is',
      times(
        'c',
        churned.map((value, row) => (value === 'yes' ? 1e12 + row ** 2 * 1e7 : Number.NaN)),
      ),
      /known only afterwards/,
    ],
  ])('%s', (_, column, finding) => {
    const plan = planFeatures(table(numbers('noise', noise), column, texts('churned', churned)), { target: 'churned' })
    expect(plan.inputs.map(({ name }) => name)).toEqual(['noise'])
    expect(plan.notes).toContainEqual({
      column: column.name,
      finding: expect.stringMatching(finding),
      action: 'left out',
    })
  })

  test.each([
    ['the target in other units', price.map((value) => 2.54 * value + 3)],
    ['a function that grows with the target', price.map((value) => Math.log(value + 1))],
    ['the target itself', price],
  ])('%s, of a number', (_, values) => {
    const plan = planFeatures(table(numbers('noise', noise), numbers('c', values), numbers('price', price)), {
      target: 'price',
    })
    expect(plan.inputs.map(({ name }) => name)).toEqual(['noise'])
  })

  it('but what is asked for is used, and noted', () => {
    const { inputs, notes } = planFeatures(
      table(numbers('noise', noise), numbers('row', noise.keys()), texts('churned', churned)),
      { target: 'churned', keep: ['row'] },
    )
    expect(inputs.map(({ name }) => name)).toEqual(['noise', 'row'])
    expect(notes).toContainEqual(expect.objectContaining({ column: 'row', action: 'used, as was asked' }))
  })

  it('and what chance may do is no leak', () => {
    const plan = planFeatures(
      table(
        numbers('noise', noise),
        texts(
          'group',
          noise.map((value) => `g${Math.floor(30 * value)}`),
        ),
        numbers(
          'few',
          other.map((value) => Math.floor(20 * value)),
        ),
        texts('churned', churned),
      ),
      { target: 'churned' },
    )
    expect(plan.inputs).toHaveLength(3)
    expect(plan.notes).toEqual([])
  })
})

describe('columns are used', () => {
  it('as what they are, and what is odd in them is noted', () => {
    const plan = planFeatures(
      table(
        texts(
          'spent',
          noise.map((value, row) => (row < 3 ? ' ' : value.toFixed(3))),
        ),
        numbers(
          'big',
          noise.map((value, row) => [Infinity, -Infinity, 1e39][row] ?? Math.floor(value * 2 ** 40)),
        ),
        texts(
          'postcode',
          noise.map((value) => `0${Math.floor(value * 90 + 10)}`),
        ),
        times(
          'seen',
          noise.map((value, row) => (row === 0 ? Number.NaN : Date.UTC(2026, 0, 1) + value * 3e9)),
        ),
        numbers('price', price),
      ),
      { target: 'price', maxLabels: 10 },
    )
    expect(plan.inputs.map(({ name, kind, missing }) => [name, kind, missing])).toEqual([
      ['spent', 'number', 3],
      ['big', 'number', 3],
      ['postcode', 'category', 0],
      ['seen', 'time', 1],
    ])
    expect(plan.inputs[2]).toMatchObject({ other: true, labels: { length: 10 } })
    expect(plan.notes.map(({ column, finding }) => `${column}: ${finding}`)).toEqual([
      'spent: texts that are numbers, but for 3 rows',
      'big: infinite in 2 rows',
      'big: beyond 3.4e38 in 1 rows',
      expect.stringMatching(/^big: whole numbers beyond 2\^24 in 19\d rows$/),
      expect.stringMatching(/^postcode: \d+ different texts$/),
    ])
    expect(structuredClone(plan)).toEqual(JSON.parse(JSON.stringify(plan)))
  })

  it('the parts of a time that vary', () => {
    const plan = planFeatures(
      table(
        times(
          'day',
          noise.map((value) => Date.UTC(2026, 4, Math.floor(1 + 30 * value))),
        ),
        times(
          'night',
          noise.map((value) => Date.UTC(2026, 4, 5, Math.floor(5 * value))),
        ),
      ),
    )
    expect(plan.inputs).toMatchObject([{ parts: ['days', 'day', 'weekday'] }, { parts: ['hour'] }])
  })

  it('and rows without a target are not counted', () => {
    const known = churned.map((value, row) => (row % 4 === 0 ? null : value))
    const plan = planFeatures(
      table(
        numbers(
          'half',
          noise.map((value, row) => (row % 4 === 0 ? 1e6 : value)),
        ),
        texts('churned', known),
      ),
      { target: 'churned' },
    )
    expect(plan).toMatchObject({ rows: 150, dropped: 50, inputs: [{ max: expect.closeTo(1, 0) }] })
  })
})

describe('refuses', () => {
  const noises = numbers('noise', noise)

  test.each([
    ['no rows', () => planFeatures(table(numbers('a', [])), { target: 'a' }), 'model.no_rows', /no rows/],
    [
      'no such target',
      () => planFeatures(table(texts('churned', churned)), { target: 'churn' }),
      'model.target_missing',
      /`churn`/,
    ],
    [
      'a target that is never known',
      () => planFeatures(table(noises, numbers('y', Array(rows).fill(NaN))), { target: 'y' }),
      'model.no_rows',
      /missing in all 200 rows/,
    ],
    [
      'one class',
      () => planFeatures(table(noises, texts('y', Array(rows).fill('no'))), { target: 'y' }),
      'model.one_class',
      /`no` wherever/,
    ],
    [
      'one number',
      () => planFeatures(table(noises, numbers('y', Array(rows).fill(1.5))), { target: 'y' }),
      'model.one_class',
      /1\.5 wherever/,
    ],
    [
      '100,000 classes',
      () =>
        planFeatures(
          table(
            numbers(
              'x',
              Array.from({ length: 1e5 }, (_, row) => row % 7),
            ),
            texts(
              'y',
              Array.from({ length: 1e5 }, (_, row) => `c${row}`),
            ),
          ),
          { target: 'y' },
        ),
      'model.too_many_classes',
      /100000 classes/,
    ],
    [
      'the target alone',
      () => planFeatures(table(texts('churned', churned)), { target: 'churned' }),
      'model.no_features',
      /target alone/,
    ],
    [
      'what is of no use',
      () => planFeatures(table(numbers('c', Array(rows).fill(1)), texts('churned', churned)), { target: 'churned' }),
      'model.no_features',
      /`c`: the same in every row/,
    ],
    [
      'a text as a number',
      () => planFeatures(table(noises, texts('churned', churned)), { target: 'churned', task: 'regression' }),
      'request.invalid',
      /is text/,
    ],
  ])('%s', (_, work, problem, detail) => {
    const failed = failure(work)
    expect(failed.problem).toBe(problem)
    expect(failed.message).toMatch(detail)
    expect(failed.hint).not.toBe('')
  })

  it('a column that is called as the answer is', () => {
    const rows = table(numbers('distance', noise))
    expect(failure(() => planFeatures(rows)).message).toMatch(/`distance`/)
    expect(
      planFeatures({ ...rows, columns: [...rows.columns, texts('y', churned)] }, { target: 'y' }).inputs,
    ).toHaveLength(1)
  })

  it('and says what was probably meant', () => {
    expect(failure(() => planFeatures(table(texts('churned', churned)), { target: 'churnd' })).hint).toBe(
      'Did you mean `churned`?',
    )
  })
})

it('bounds a hundred thousand categories', () => {
  const many = texts(
    'shop',
    Array.from({ length: 300_000 }, (_, row) => `shop ${(row * 7919) % 100_000}`),
  )
  const y = numbers(
    'y',
    Array.from({ length: 300_000 }, (_, row) => Math.sin(row)),
  )
  const [input] = planFeatures(table(many, y), { target: 'y' }).inputs
  expect(input).toMatchObject({ other: true, labels: { length: 64 } })
})

const telco = sampleData('telco/telco-customer-churn.csv')
test.skipIf(telco === undefined)('telco: the customer is an identifier, what was paid is a number', () => {
  const plan = planFeatures(csvTable(readFileSync(telco!)), { target: 'Churn' })
  expect(plan.target).toEqual({ name: 'Churn', task: 'classification', labels: ['No', 'Yes'] })
  expect(plan.inputs).toHaveLength(19)
  expect(plan.inputs.find(({ name }) => name === 'TotalCharges')).toMatchObject({ kind: 'number', missing: 11 })
  expect(plan.notes.map(({ column, action }) => [column, action])).toEqual([
    ['customerID', 'left out'],
    ['TotalCharges', 'used as numbers'],
  ])
})

const housing = sampleData('housing/california-housing.csv')
test.skipIf(housing === undefined)('housing: every column is used', () => {
  const plan = planFeatures(csvTable(readFileSync(housing!)), { target: 'median_house_value' })
  expect(plan.target).toEqual({ name: 'median_house_value', task: 'regression' })
  expect(plan.inputs).toHaveLength(9)
  expect(plan.inputs.find(({ name }) => name === 'total_bedrooms')).toMatchObject({ missing: 207 })
  expect(plan.notes).toEqual([])
})
