import { expect, it } from 'vitest'
import { importance } from '../../../../core/model/gbdt/importance.ts'
import { trainGbdt } from '../../../../core/model/gbdt/train.ts'
import { createRandom } from '../../../../core/model/random.ts'

it('importance is of the features that the target depends on, in their order', () => {
  const random = createRandom(1)
  const features = ['much', 'little', 'nothing'].map((name) => ({
    name,
    values: Float32Array.from({ length: 2_000 }, random),
  }))
  const target = Float64Array.from(features[0]!.values, (x, row) => 3 * x + features[1]!.values[row]! + random() / 10)
  const model = trainGbdt({ features, target, objective: { kind: 'regression' }, seed: 1 })
  const [much, little, nothing] = importance(model)
  expect(much).toBeGreaterThan(little! * 4)
  expect(little).toBeGreaterThan(nothing! * 5)
})
