import { expect, it } from 'vitest'
import { gbdtOutputs } from '../../../../core/model/gbdt/outputs.ts'
import { shap } from '../../../../core/model/gbdt/shap.ts'
import { trainGbdt } from '../../../../core/model/gbdt/train.ts'
import { madeFeatures } from '../../../support/made-features.ts'

it('contributions sum to the raw score, and their base is the mean of the rows of training', () => {
  const { features, signal } = madeFeatures({ rows: 1_000, seed: 1 })
  const model = trainGbdt({ features, target: signal, objective: { kind: 'regression' }, seed: 1 })
  const said = gbdtOutputs(model, features)
  for (let at = 0; at < 100; at++) {
    const { base, contributions } = shap(
      model,
      Float32Array.from(features, ({ values }) => values[at]!),
    )
    expect(contributions.reduce((a, b) => a + b, base)).toBeCloseTo(said[at]!, 4)
    expect(base).toBeCloseTo(said.reduce((a, b) => a + b) / said.length, 4)
  }
})
