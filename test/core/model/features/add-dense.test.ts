import { expect, it } from 'vitest'
import { addDense } from '../../../../core/model/features/add-dense.ts'
import { addFeatures } from '../../../../core/model/features/add-features.ts'
import { dense } from '../../../../core/model/features/dense.ts'
import { encode } from '../../../../core/model/features/encode.ts'
import { planDense } from '../../../../core/model/features/plan-dense.ts'
import { planFeatures } from '../../../../core/model/features/plan-features.ts'
import type { Table } from '../../../../core/model/table.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { numbers, runGraph, table, texts, times } from './fixture.ts'

function randomTable(seed: number, rows: number): Table {
  const random = createRandom(seed)
  const some = <T>(make: () => T): T[] => Array.from({ length: rows }, make)
  return table(
    numbers(
      'whole',
      some(() => 10 * random()),
    ),
    numbers(
      'gaps',
      some(() => (random() < 0.2 ? Number.NaN : 1e6 + random())),
    ),
    texts(
      'plan',
      some(() => (random() < 0.1 ? null : 'abcdef'[Math.floor(6 * random())]!)),
    ),
    times(
      'at',
      some(() => Math.floor(1e13 * random())),
    ),
  )
}

it('the graph makes the matrix that training saw, to the bit', async () => {
  const rows = randomTable(1, 3000)
  const plan = planFeatures(rows)
  const densePlan = planDense(encode(plan, rows))
  for (const some of [rows, randomTable(2, 3000), randomTable(3, 1)]) {
    const { names, values } = dense(densePlan, encode(plan, some))
    const x = await runGraph(plan, some, names.length, (graph) => addDense(graph, addFeatures(graph, plan), densePlan))
    expect(x.length).toBe(values.length)
    expect(x.every((value, at) => Object.is(value, values[at]))).toBe(true)
  }
})

it('numbers are standardised, missing ones are the mean and marked, each label has a column', () => {
  const rows = table(
    numbers('n', [1, 3, Number.NaN, 1, 3, Number.NaN]),
    numbers('m', [1, 2, 3, 1, 2, 3.5]),
    texts('c', ['a', 'b', null, 'a', 'a', 'b']),
  )
  const { names, values } = dense(planDense(encode(planFeatures(rows), rows)), encode(planFeatures(rows), rows))
  expect(names).toEqual(['n', 'm', 'n is missing', 'c is missing', 'c = a', 'c = b'])
  const row = (at: number): number[] => [...values.subarray(at * names.length, (at + 1) * names.length)]
  expect(row(0)).toEqual([-1, expect.any(Number), 0, 0, 1, 0])
  expect(row(2)).toEqual([0, expect.any(Number), 1, 1, 0, 0])
})
