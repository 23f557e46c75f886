import { describe, expect, it } from 'vitest'
import { gbdtOutputs } from '../../../../core/model/gbdt/outputs.ts'
import { trainGbdt } from '../../../../core/model/gbdt/train.ts'
import { rowsOf } from '../../../support/made-features.ts'
import { sampleData } from '../../../support/optional.ts'
import { areaUnderCurve, foldsOf, rootMeanSquare, sampleFeatures } from '../../../support/sample-features.ts'

const housing = sampleData('housing/california-housing.csv')
const telco = sampleData('telco/telco-customer-churn.csv')

/** One fold of five is held out; the bench has all five. */
function heldOut(rows: number): { readonly learned: number[]; readonly held: number[] } {
  const folds = foldsOf(rows, 5, 1)
  const all = Array.from({ length: rows }, (_, row) => row)
  return { learned: all.filter((row) => folds[row] !== 0), held: all.filter((row) => folds[row] === 0) }
}

describe('trees with the options that are there by themselves', () => {
  it.skipIf(housing === undefined)('tell prices of houses within 47,500 $, blanks and categories as they are', () => {
    const { features, target } = sampleFeatures(housing!, 'median_house_value')
    const { learned, held } = heldOut(target.length)
    const price = (rows: readonly number[]) => Float64Array.from(rows, (row) => Number(target[row]) / 100_000)
    const objective = { kind: 'regression' } as const
    const model = trainGbdt({ features: rowsOf(features, learned), target: price(learned), objective, seed: 1 })
    expect(rootMeanSquare(price(held), gbdtOutputs(model, rowsOf(features, held)))).toBeLessThan(0.475)
  })

  it.skipIf(telco === undefined)('tell who will leave, with rows to stop by', () => {
    const { features, target } = sampleFeatures(telco!, 'Churn', ['customerID'])
    const { learned, held } = heldOut(target.length)
    const left = (rows: readonly number[]) => Float64Array.from(rows, (row) => Number(target[row] === 'Yes'))
    const objective = { kind: 'binary' } as const
    const validation = Int32Array.from(learned.keys().filter((i) => i % 5 === 0))
    const model = trainGbdt({
      features: rowsOf(features, learned),
      target: left(learned),
      objective,
      validation,
      seed: 1,
    })
    const said = gbdtOutputs(model, rowsOf(features, held)).filter((_, i) => i % 2 === 1)
    expect(areaUnderCurve(left(held), said)).toBeGreaterThan(0.82)
  })
})
