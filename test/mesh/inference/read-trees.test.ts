import { fromBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { ModelProtoSchema } from '#proto/onnx/onnx_pb.ts'
import { addTrees, coversOf } from '../../../core/model/gbdt/onnx.ts'
import { gbdtOutputs } from '../../../core/model/gbdt/outputs.ts'
import { shap } from '../../../core/model/gbdt/shap.ts'
import { trainGbdt } from '../../../core/model/gbdt/train.ts'
import { createGraph } from '../../../core/model/onnx/graph.ts'
import { readTrees } from '../../../mesh/inference/read-trees.ts'
import { treeShap } from '../../../mesh/inference/tree-shap.ts'
import { madeFeatures } from '../../support/made-features.ts'

describe('the trees of an ONNX file', () => {
  it('explain a row as the trees of training do', () => {
    const { features, signal } = madeFeatures({ rows: 2_000, labels: 50, seed: 1 })
    const target = signal.map((x) => (x < -0.5 ? 0 : x < 1 ? 1 : 2))
    const options = { rounds: 15 }
    const model = trainGbdt({ features, target, objective: { kind: 'multiclass', classes: 3 }, seed: 1, options })
    const graph = createGraph('trees')
    const x = graph.node(
      'Concat',
      features.map(({ name }) => graph.input(name, 'float')),
      { attributes: { axis: { int: 1 } } },
    )
    graph.output('probabilities', addTrees(graph, x, model), 'float', 3)
    const file = fromBinary(ModelProtoSchema, graph.bytes({ covers: coversOf(model) }))

    const ensemble = readTrees(file)!
    expect(ensemble.matrix).toBe(x)
    expect(ensemble.base).toEqual(model.base)
    const said = gbdtOutputs(model, features)
    for (let at = 0; at < 100; at++) {
      const row = Float32Array.from(features, ({ values }) => values[at]!)
      const raw = [0, 1, 2].map((k) => {
        const [read, trained] = [treeShap(ensemble.trees[k]!, row), shap(model, row, k)]
        expect(read.contributions).toEqual(trained.contributions)
        expect(read.base + ensemble.base[k]!).toBeCloseTo(trained.base, 9)
        return Math.exp(trained.contributions.reduce((a, b) => a + b, trained.base))
      })
      const total = raw.reduce((a, b) => a + b)
      for (const [k, share] of raw.entries()) expect(share / total).toBeCloseTo(said[at * 3 + k]!, 5)
    }
  })

  it('may have no split', () => {
    const features = [{ name: 'constant', values: Float32Array.of(1, 1) }]
    const model = trainGbdt({ features, target: Float64Array.of(1, 3), objective: { kind: 'regression' }, seed: 1 })
    const graph = createGraph('trees')
    graph.output('prediction', addTrees(graph, graph.input('constant', 'float'), model), 'float', 1)
    const { trees, base } = readTrees(fromBinary(ModelProtoSchema, graph.bytes({ covers: coversOf(model) })))!
    expect(treeShap(trees[0]!, Float32Array.of(1))).toEqual({ base: 0, contributions: new Float64Array(1) })
    expect([...base]).toEqual([2])
  })

  it('are none in a file that has none', () => {
    const graph = createGraph('linear')
    graph.output('y', graph.input('x', 'float'), 'float', 1)
    expect(readTrees(fromBinary(ModelProtoSchema, graph.bytes()))).toBeUndefined()
  })
})
