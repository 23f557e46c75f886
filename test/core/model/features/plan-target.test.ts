import { expect, test } from 'vitest'
import { planTarget, targetOf } from '../../../../core/model/features/plan-target.ts'
import { numbers, table, texts } from './fixture.ts'

test('classes are in order, and known again in other rows', () => {
  const { plan, values, notes } = planTarget(table(texts('y', ['b', null, 'a', 'b'])), 'y')
  expect(plan).toEqual({ name: 'y', task: 'classification', labels: ['a', 'b'] })
  expect([...values]).toEqual([1, Number.NaN, 0, 1])
  expect(notes.map(({ finding }) => finding)).toEqual(['only 2 rows are `b`', 'only 1 rows are `a`'])
  expect([...targetOf(plan, table(texts('y', ['c', 'b', null, 'a'])))]).toEqual([Number.NaN, 1, Number.NaN, 0])
})

test('classes that are numbers are in the order of their size', () => {
  const { plan, values } = planTarget(table(numbers('y', [10, 9, 2, Infinity])), 'y')
  expect(plan).toMatchObject({ labels: ['2', '9', '10'] })
  expect([...values]).toEqual([2, 1, 0, Number.NaN])
})

test('a number that is infinite is missing', () => {
  const { plan, values } = planTarget(table(numbers('y', [0.5, -Infinity, 2, Number.NaN])), 'y')
  expect(plan).toEqual({ name: 'y', task: 'regression' })
  expect([...values]).toEqual([0.5, Number.NaN, 2, Number.NaN])
})
