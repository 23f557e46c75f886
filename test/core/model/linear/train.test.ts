import * as ort from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import { measureAll } from '../../../../core/model/evaluate/metrics.ts'
import { addLinear } from '../../../../core/model/linear/add-linear.ts'
import { contributions } from '../../../../core/model/linear/contributions.ts'
import type { Dense } from '../../../../core/model/features/dense.ts'
import { gramOf } from '../../../../core/model/linear/gram.ts'
import { logistic } from '../../../../core/model/linear/logistic.ts'
import { linearOutputs } from '../../../../core/model/linear/outputs.ts'
import { trainLinear } from '../../../../core/model/linear/train.ts'
import { createGraph } from '../../../../core/model/onnx/graph.ts'
import { createRandom } from '../../../../core/model/random.ts'

ort.env.wasm.numThreads = 1

const rows = 2_000
const names = ['a', 'b', 'c', 'd', 'e']
const columns = names.length
const random = createRandom(11)
const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
const dense: Dense = { rows, names, values: Float32Array.from({ length: rows * columns }, normal) }
const score = (row: number): number => 2 * dense.values[row * columns]! - dense.values[row * columns + 1]! + 0.3
const each = (of: (row: number) => number): Float64Array => Float64Array.from({ length: rows }, (_, row) => of(row))

/** No border is without noise: between classes that a plane divides, the penalty alone says how steep the scores are. */
const classOf = (noisy: number): number => (noisy > 1 ? 2 : noisy > -1 ? 1 : 0)

const targets = {
  numbers: { target: each((row) => score(row) + 0.2 * normal()), classes: 0 },
  'two classes': { target: each((row) => Number(random() < 1 / (1 + Math.exp(-score(row))))), classes: 2 },
  'three classes': { target: each((row) => classOf(score(row) + normal())), classes: 3 },
}

describe('a linear model', () => {
  it('finds what numbers were made of', () => {
    const { weights, intercepts } = trainLinear({ dense, ...targets.numbers, seed: 1 })
    for (const [i, weight] of [2, -1, 0, 0, 0].entries()) expect(Math.abs(weights[i]! - weight)).toBeLessThan(0.03)
    expect(intercepts[0]).toBeCloseTo(0.3, 1)
  })

  it('is ridge regression as its normal equations have it, and logistic regression where no slope is left', () => {
    const lambda = 50
    const { weights } = trainLinear({ dense, ...targets.numbers, lambda, seed: 1 })
    const gram = gramOf({ dense, target: targets.numbers.target })
    for (let i = 0; i < columns; i++) {
      let left = lambda * weights[i]! - gram.withTarget[i]!
      for (let j = 0; j < columns; j++) left += gram.products[i * columns + j]! * weights[j]!
      expect(Math.abs(left)).toBeLessThan(0.01)
    }

    const { target, classes } = targets['two classes']
    const point = logistic({ dense, target, classes, penalty: 'l2', lambda })
    for (let i = 0; i <= columns; i++) {
      let slope = i < columns ? lambda * point[i]! : 0
      for (let row = 0; row < rows; row++) {
        const x = dense.values.subarray(row * columns, (row + 1) * columns)
        const at = x.reduce((sum, value, j) => sum + value * point[j]!, point[columns]!)
        slope += (1 / (1 + Math.exp(-at)) - target[row]!) * (i < columns ? x[i]! : 1)
      }
      expect(Math.abs(slope) / rows).toBeLessThan(1e-5)
    }
  })

  it.each(Object.entries(targets))('with L1 gives no weight to what says nothing: %s', (_, { target, classes }) => {
    const { weights } = trainLinear({ dense, target, classes, penalty: 'l1', lambda: 0.1, seed: 1 })
    const used = names.map((_, i) => weights.some((weight, at) => at % columns === i && weight !== 0))
    expect(used).toEqual([true, true, false, false, false])
  })

  it('with L1 of the greatest strength has no column left, and a little less has one', () => {
    for (const { target, classes } of Object.values(targets)) {
      const used = (lambda: number): number =>
        trainLinear({ dense, target, classes, penalty: 'l1', lambda, seed: 1 }).weights.filter((weight) => weight !== 0)
          .length
      expect(used(1.001)).toBe(0)
      expect(used(0.95)).toBeGreaterThan(0)
    }
  })

  it.each(['l1', 'l2'] as const)('numbers of another size give the same model of that size: %s', (penalty) => {
    const { target, classes } = targets.numbers
    const train = (size: number) =>
      trainLinear({ dense, target: target.map((value) => value * size), classes, penalty, seed: 1 })
    for (const size of [1e-25, 1e20]) {
      const { weights } = train(size)
      for (const [i, weight] of train(1).weights.entries()) expect(weights[i]! / size).toBeCloseTo(weight, 5)
    }
  })

  it('a column that others make up changes nothing, and one that is constant neither', () => {
    const twice: Dense = {
      rows,
      names: [...names, 'a again', 'constant'],
      values: Float32Array.from({ length: rows * (columns + 2) }, (_, at) => {
        const [row, i] = [Math.floor(at / (columns + 2)), at % (columns + 2)]
        return i < columns ? dense.values[row * columns + i]! : i === columns ? dense.values[row * columns]! : 0
      }),
    }
    for (const { target, classes } of Object.values(targets)) {
      const one = linearOutputs(trainLinear({ dense, target, classes, lambda: 0.001, seed: 1 }), dense)
      const other = linearOutputs(trainLinear({ dense: twice, target, classes, lambda: 0.001, seed: 1 }), twice)
      for (const [at, output] of one.entries()) expect(Math.abs(output - other[at]!)).toBeLessThan(0.01)
    }
  })

  it('rows of weight 0 are as if they were not there', () => {
    const { target, classes } = targets['two classes']
    const half = { rows: rows / 2, names, values: dense.values.subarray(0, (rows / 2) * columns) }
    const rowWeights = each((row) => Number(row < rows / 2))
    const weighed = trainLinear({ dense, target, classes, rowWeights, lambda: 1, seed: 1 })
    const alone = trainLinear({ dense: half, target: target.subarray(0, rows / 2), classes, lambda: 1, seed: 1 })
    for (const [i, weight] of alone.weights.entries()) expect(weighed.weights[i]).toBeCloseTo(weight, 3)
  })

  it('the same seed gives the same model, and it can be stopped', () => {
    const train = () => trainLinear({ dense, ...targets['two classes'], seed: 4 })
    expect(train()).toEqual(train())
    const signal = AbortSignal.abort()
    expect(() => trainLinear({ dense, ...targets.numbers, seed: 4, signal })).toThrow('aborted')
  })

  it('tells the whole score apart into columns', () => {
    const model = trainLinear({ dense, ...targets.numbers, seed: 1 })
    const row = dense.values.subarray(0, columns)
    const { base, contributions: parts } = contributions(model, row)
    expect(parts.reduce((sum, part) => sum + part, base)).toBeCloseTo(linearOutputs(model, dense)[0]!, 12)
  })

  it.each(Object.entries(targets))('says in ONNX Runtime what it says here: %s', async (_, { target, classes }) => {
    const model = trainLinear({ dense, target, classes, seed: 1 })
    const expected = linearOutputs(model, dense)
    expect(measureAll({ actual: target, outputs: expected, classes })).not.toEqual({})

    const graph = createGraph('linear')
    const inputs = names.map((name) => graph.input(name, 'float'))
    const x = graph.node('Concat', inputs, { attributes: { axis: { int: 1 } } })
    graph.output('y', addLinear(graph, x, model), 'float', Math.max(1, classes))
    const session = await ort.InferenceSession.create(graph.bytes())
    const feeds = names.map((name, i) => {
      const values = Float32Array.from({ length: rows }, (_, row) => dense.values[row * columns + i]!)
      return [name, new ort.Tensor('float32', values, [rows, 1])] as const
    })
    const { y } = await session.run(Object.fromEntries(feeds))
    const said = y!.data as Float32Array
    expect(said).toHaveLength(expected.length)
    for (const [at, value] of said.entries()) {
      expect(Math.abs(value - expected[at]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected[at]!)))
    }
  })
})
