import { describe, expect, it } from 'vitest'
import { auc } from '../../../../core/model/evaluate/auc.ts'
import { allBut, folds } from '../../../../core/model/evaluate/folds.ts'
import { rmse } from '../../../../core/model/evaluate/regression.ts'
import { ofClass } from '../../../../core/model/evaluate/scored.ts'
import { gbdtOutputs } from '../../../../core/model/gbdt/outputs.ts'
import { trainGbdt } from '../../../../core/model/gbdt/train.ts'
import { pickFeatures } from '../../../../core/model/train/rows.ts'
import { sampleData } from '../../../support/optional.ts'
import { sampleFeatures } from '../../../support/sample-features.ts'

const housing = sampleData('housing/california-housing.csv')
const telco = sampleData('telco/telco-customer-churn.csv')

/** One fold of five is held out; the bench has all five. */
function heldOut(rows: number): { readonly learned: Int32Array; readonly held: Int32Array } {
  const parts = folds(new Float64Array(rows), 5, { seed: 1, stratified: false })
  return { learned: allBut(parts, 0), held: parts[0]! }
}

describe('trees with the options that are there by themselves', () => {
  it.skipIf(housing === undefined)('tell prices of houses within 47,500 $, blanks and categories as they are', () => {
    const { features, target } = sampleFeatures(housing!, 'median_house_value')
    const { learned, held } = heldOut(target.length)
    const price = (rows: Int32Array) => Float64Array.from(rows, (row) => Number(target[row]) / 100_000)
    const objective = { kind: 'regression' } as const
    const model = trainGbdt({ features: pickFeatures(features, learned), target: price(learned), objective, seed: 1 })
    expect(rmse(price(held), gbdtOutputs(model, pickFeatures(features, held)))).toBeLessThan(0.475)
  })

  it.skipIf(telco === undefined)('tell who will leave, with rows to stop by', () => {
    const { features, target } = sampleFeatures(telco!, 'Churn', ['customerID'])
    const { learned, held } = heldOut(target.length)
    const left = (rows: Int32Array) => Float64Array.from(rows, (row) => Number(target[row] === 'Yes'))
    const objective = { kind: 'binary' } as const
    const validation = Int32Array.from(learned.keys().filter((i) => i % 5 === 0))
    const model = trainGbdt({
      features: pickFeatures(features, learned),
      target: left(learned),
      objective,
      validation,
      seed: 1,
    })
    const said = ofClass(gbdtOutputs(model, pickFeatures(features, held)), 2, 1)
    expect(auc(left(held), said)).toBeGreaterThan(0.82)
  })
})
