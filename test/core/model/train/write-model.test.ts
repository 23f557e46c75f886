import { describe, expect, it } from 'vitest'
import { nearest } from '../../../../core/model/kmeans/nearest.ts'
import { trainKmeans } from '../../../../core/model/kmeans/train.ts'
import { dense } from '../../../../core/model/features/dense.ts'
import { encode } from '../../../../core/model/features/encode.ts'
import { planDense } from '../../../../core/model/features/plan-dense.ts'
import { planFeatures } from '../../../../core/model/features/plan-features.ts'
import { targetOf } from '../../../../core/model/features/plan-target.ts'
import { candidatesOf } from '../../../../core/model/train/candidate.ts'
import { fit, outputsOf } from '../../../../core/model/train/fit.ts'
import { trainSegments } from '../../../../core/model/train/train-segments.ts'
import { writePrediction, writeSegments } from '../../../../core/model/train/write-model.ts'
import { madeTable, withNumbers } from '../../../support/made-table.ts'
import { runOnnx } from '../../../support/run-onnx.ts'

const { table, noise, sums } = madeTable(1_500, 1)
/** Other rows, and a text that was never seen. */
const { table: others } = madeTable(1_500, 2)
const unseen = {
  rows: others.rows,
  columns: others.columns.map((column) =>
    column.kind === 'category' ? { ...column, labels: column.labels.with(1, 'unheard of') } : column,
  ),
}

const targets = {
  numbers: sums.map((value, row) => value + noise[row]!),
  'two classes': sums.map((value, row) => Number(value + noise[row]! > 0)),
  'three classes': sums.map((value, row) => (value + noise[row]! > 1 ? 2 : value > -1 ? 1 : 0)),
}

const candidates = [
  ...candidatesOf('linear', { l2: 1 }),
  ...candidatesOf('linear', { l1: 0.01 }),
  ...candidatesOf('gbdt', { rounds: 40 }),
]

describe('a model’s file', () => {
  it.each(Object.entries(targets))('says of raw rows what training says of them: %s', async (_, target) => {
    const known = withNumbers(table, 'y', target)
    const plan = planFeatures(known, { target: 'y' })
    const classes = plan.target?.task === 'classification' ? plan.target.labels.length : 0
    const rows = { features: encode(plan, known), target: targetOf(plan.target!, known), classes }
    for (const candidate of candidates) {
      const fitted = fit(candidate, rows, { seed: 1 })
      const { onnx, signature } = writePrediction(plan, fitted)
      for (const asked of [table, unseen]) {
        const expected = outputsOf(fitted, encode(plan, asked))
        const said = await runOnnx(onnx, signature, asked)
        expect(said.length).toBe(expected.length)
        let most = 0
        for (const [at, value] of said.entries()) most = Math.max(most, Math.abs(value - expected[at]!))
        expect(most, candidate.name).toBeLessThan(2e-6)
      }
    }
  })

  it('says of raw rows in which segment they are', async () => {
    const plan = planFeatures(table)
    const columns = planDense(encode(plan, table))
    const model = trainKmeans({ dense: dense(columns, encode(plan, table)), plan: columns, ks: [4], seed: 1 })
    const { onnx, signature } = writeSegments(plan, columns, model)
    expect(signature.labels).toEqual(model.segments.map(({ name }) => name))
    const asked = dense(columns, encode(plan, unseen))
    const { segments } = nearest(asked.values, model.centers, asked.names.length)
    expect([...(await runOnnx(onnx, signature, unseen))]).toEqual([...segments])
  })
})

it('segments need no target, and their card says what they are', async () => {
  const far = sums.map((_, row) => (row % 3 === 0 ? 12 : 0))
  const near = far.map((value, row) => value + noise[row]!)
  const apart = withNumbers(withNumbers(table, 'far', far), 'near', near)
  const { card, onnx, signature } = trainSegments({ table: apart, seed: 1 })
  expect(card).toMatchObject({ task: 'segments', beatsBaseline: true, rows: { used: 1_500 } })
  expect(card.segments.reduce((sum, { rows }) => sum + rows, 0)).toBe(1_500)
  const said = await runOnnx(onnx, signature, apart)
  expect([...new Set(said)].sort((a, b) => a - b)).toEqual([...card.segments.keys()])
})
