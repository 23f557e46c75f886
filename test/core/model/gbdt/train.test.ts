import { describe, expect, it } from 'vitest'
import { gbdtOutputs } from '../../../../core/model/gbdt/outputs.ts'
import { trainGbdt } from '../../../../core/model/gbdt/train.ts'
import type { Feature } from '../../../../core/model/feature.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { madeFeatures } from '../../../support/made-features.ts'

const regression = { kind: 'regression' } as const
const binary = { kind: 'binary' } as const

function feature(name: string, values: readonly number[], labels?: readonly string[]): Feature {
  return { name, values: Float32Array.from(values), ...(labels && { labels }) }
}

function rmse(said: Float64Array, target: Float64Array): number {
  return Math.sqrt(said.reduce((sum, y, i) => sum + (y - target[i]!) ** 2, 0) / target.length)
}

function deviation(target: Float64Array): number {
  const mean = target.reduce((a, b) => a + b) / target.length
  return rmse(new Float64Array(target.length).fill(mean), target)
}

describe('gradient-boosted trees', () => {
  it('learn numbers, and say of new rows what they are', () => {
    const { features, signal } = madeFeatures({ rows: 4_000, seed: 1 })
    const half = features.map((one) => ({ ...one, values: one.values.slice(0, 2_000) }))
    const other = features.map((one) => ({ ...one, values: one.values.slice(2_000) }))
    const model = trainGbdt({ features: half, target: signal.slice(0, 2_000), objective: regression, seed: 1 })
    const target = signal.slice(2_000)
    expect(rmse(gbdtOutputs(model, other), target)).toBeLessThan(deviation(target) * 0.65)
  })

  it('learn classes: probabilities that sum to one, the right one most often the largest', () => {
    const { features, signal } = madeFeatures({ rows: 3_000, seed: 2 })
    const target = signal.map((x) => (x < -0.5 ? 0 : x < 1 ? 1 : 2))
    const options = { rounds: 30 }
    const model = trainGbdt({ features, target, objective: { kind: 'multiclass', classes: 3 }, seed: 1, options })
    const said = gbdtOutputs(model, features)
    let right = 0
    for (const [row, y] of target.entries()) {
      const row3 = [...said.subarray(row * 3, row * 3 + 3)]
      expect(row3.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
      right += Number(row3.indexOf(Math.max(...row3)) === y)
    }
    expect(right / target.length).toBeGreaterThan(0.8)
  })

  it('are the same trees for the same seed, to the last bit', () => {
    const { features, signal } = madeFeatures({ rows: 1_000, seed: 3 })
    const options = { rounds: 10, rowSample: 0.7, columnSample: 0.5 }
    const train = (seed: number) => trainGbdt({ features, target: signal, objective: regression, seed, options })
    expect(train(5)).toEqual(train(5))
    expect(train(5)).not.toEqual(train(6))
  })

  it('send what is missing where it belongs, either way', () => {
    const random = createRandom(4)
    const x = Array.from({ length: 1_000 }, () => (random() < 0.3 ? NaN : random()))
    const options = { rounds: 30, learningRate: 0.5, minRows: 1 }
    for (const ofMissing of [-5, 5]) {
      const target = Float64Array.from(x, (value) => (Number.isNaN(value) ? ofMissing : value > 0.5 ? 1 : 0))
      const features = [feature('x', x)]
      const model = trainGbdt({ features, target, objective: regression, seed: 1, options })
      expect(rmse(gbdtOutputs(model, features), target)).toBeLessThan(0.1)
    }
  })

  it('split categories into sets, with one split where numbers would need many', () => {
    const codes = Array.from({ length: 2_000 }, (_, row) => row % 20)
    const target = Float64Array.from(codes, (code) => (code % 2 === 0 ? 1 : -1))
    const labels = Array.from({ length: 20 }, (_, i) => `${i}`)
    const options = { rounds: 1, maxLeaves: 2, learningRate: 1, l2: 0 }
    const features = [feature('c', codes, labels)]
    const model = trainGbdt({ features, target, objective: regression, seed: 1, options })
    expect(rmse(gbdtOutputs(model, features), target)).toBeLessThan(1e-3)
  })

  it('never fall where they may only rise', () => {
    const random = createRandom(5)
    const x = Array.from({ length: 2_000 }, random)
    const z = Array.from({ length: 2_000 }, random)
    const target = Float64Array.from(x, (value, row) => Math.sin(6 * value) + value + 3 * z[row]! * value + random())
    const features = [feature('x', x), feature('z', z)]
    for (const direction of [1, -1] as const) {
      const options = { monotone: [direction, 0] as const }
      const model = trainGbdt({ features, target, objective: regression, seed: 1, options })
      for (const fixed of [0.1, 0.5, 0.9]) {
        const steps = Array.from({ length: 500 }, (_, i) => i / 500)
        const line = [
          feature('x', steps),
          feature(
            'z',
            steps.map(() => fixed),
          ),
        ]
        const said = gbdtOutputs(model, line)
        for (let i = 1; i < said.length; i++) expect(direction * (said[i]! - said[i - 1]!)).toBeGreaterThanOrEqual(0)
      }
    }
  })

  it('stop when rows that they do not learn from get no better, and keep the best round', () => {
    const random = createRandom(6)
    const features = Array.from({ length: 5 }, (_, i) => feature(`f${i}`, Array.from({ length: 600 }, random)))
    const target = Float64Array.from({ length: 600 }, (_, row) => Number(features[0]!.values[row]! + random() > 1))
    const validation = Int32Array.from({ length: 200 }, (_, i) => i * 3)
    const options = { rounds: 500, earlyStoppingRounds: 10 }
    const model = trainGbdt({ features, target, objective: binary, validation, seed: 1, options })
    expect(model.losses.length).toBeLessThan(500)
    expect(model.losses.indexOf(Math.min(...model.losses))).toBe(model.trees.length - 1)
    expect(model.losses.length).toBe(model.trees.length + 10)
  })

  it('count rows and classes by their weight', () => {
    const features = [
      feature(
        'x',
        Array.from({ length: 400 }, () => 1),
      ),
    ]
    const target = Float64Array.from({ length: 400 }, (_, row) => Number(row < 100))
    const share = (weights: object) =>
      gbdtOutputs(trainGbdt({ features, target, objective: binary, seed: 1, ...weights }), features)[1]
    expect(share({})).toBeCloseTo(0.25, 5)
    expect(share({ classWeights: [1, 3] })).toBeCloseTo(0.5, 5)
    expect(share({ rowWeights: Float64Array.from(target, (y) => (y === 1 ? 1 : 0)) })).toBeGreaterThan(0.999)
  })

  it.each([1e-6, 1e6])('ask the same of a target × %d', (scale) => {
    const { features, signal } = madeFeatures({ rows: 1_000, seed: 11 })
    const asked = (target: Float64Array) =>
      trainGbdt({ features, target, objective: regression, seed: 1, options: { rounds: 20 } }).trees.map((tree) => ({
        ...tree,
        value: undefined,
        gain: undefined,
      }))
    expect(asked(signal.map((y) => y * scale))).toEqual(asked(signal))
  })

  it('say the mean where there is nothing to split', () => {
    const features = [feature('constant', [1, 1, 1, 1]), feature('missing', [NaN, NaN, NaN, NaN])]
    const model = trainGbdt({ features, target: Float64Array.of(1, 2, 3, 6), objective: regression, seed: 1 })
    expect([...gbdtOutputs(model, features)]).toEqual([3, 3, 3, 3])
  })

  it('take infinities as the largest and the smallest there are', () => {
    const x = Array.from({ length: 300 }, (_, row) => [-Infinity, 0, Infinity][row % 3]!)
    const target = Float64Array.from({ length: 300 }, (_, row) => row % 3)
    const options = { learningRate: 1, rounds: 3, l2: 0 }
    const features = [feature('x', x)]
    const model = trainGbdt({ features, target, objective: regression, seed: 1, options })
    expect([...gbdtOutputs(model, features).subarray(0, 3)]).toEqual([0, 1, 2])
  })

  it('tell how far they are, and end when they are told to', () => {
    const { features, signal } = madeFeatures({ rows: 500, seed: 7 })
    const told: number[] = []
    const stop = new AbortController()
    const train = () =>
      trainGbdt({
        features,
        target: signal,
        objective: regression,
        seed: 1,
        options: { rounds: 20 },
        onProgress: (done, of) => {
          told.push(done / of)
          if (told.length === 30) stop.abort(new Error('enough'))
        },
        signal: stop.signal,
      })
    train()
    expect(told.length).toBe(21)
    expect(told.at(-1)).toBe(1)
    expect(train).toThrow('enough')
  })

  it('name the field that does not hold', () => {
    const features = [feature('x', [1, 2]), feature('c', [0, 1], ['a', 'b'])]
    const target = Float64Array.of(0, 1)
    const train = (other: object) => () => trainGbdt({ features, target, objective: binary, seed: 1, ...other })
    expect(train({ options: { rounds: 0 } })).toThrow('rounds must be a whole number from 1 to 10000')
    expect(train({ options: { learningRate: NaN } })).toThrow('learningRate must be from 0.0001 to 1')
    expect(train({ options: { monotone: [0, 1] } })).toThrow('c is a category')
    expect(train({ target: Float64Array.of(0, 2) })).toThrow('target must be a class, 0 to 1')
    expect(train({ target: Float64Array.of(0) })).toThrow('target has 1 rows, and the features have 2')
    expect(train({ target: Float64Array.of(0, NaN), objective: regression })).toThrow('target must be finite')
    expect(train({ validation: Int32Array.of(0, 1) })).toThrow('leaves no row to learn from')
    const many = feature(
      'many',
      [0, 1],
      Array.from({ length: 256 }, (_, i) => `${i}`),
    )
    expect(train({ features: [many] })).toThrow('has 256 categories, and trees take 255')
  })
})
