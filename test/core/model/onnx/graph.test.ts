import * as ort from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import { createGraph } from '../../../../core/model/onnx/graph.ts'

ort.env.wasm.numThreads = 1

describe('an ONNX file', () => {
  it('is run by ONNX Runtime, texts and numbers in, numbers out', async () => {
    const graph = createGraph('sum')
    const plan = graph.input('plan', 'string')
    const seats = graph.input('seats', 'float')
    const price = graph.node('LabelEncoder', [plan], {
      domain: 'ai.onnx.ml',
      attributes: {
        keys_strings: { strings: ['free', 'größer'] },
        values_floats: { floats: [0, 2.5] },
        default_float: { float: -1 },
      },
    })
    graph.output('total', graph.node('Mul', [price, seats]), 'float', 1)

    const session = await ort.InferenceSession.create(graph.bytes({ name: 'sum' }))
    const { total } = await session.run({
      plan: new ort.Tensor('string', ['größer', 'free', 'unheard of'], [3, 1]),
      seats: new ort.Tensor('float32', Float32Array.of(4, 4, 4), [3, 1]),
    })
    expect([...(total!.data as Float32Array)]).toEqual([10, 0, -4])
  })

  it('is the same bytes for the same calls', () => {
    const write = (): Uint8Array => {
      const graph = createGraph('same')
      graph.output(
        'y',
        graph.node('Add', [graph.input('x', 'float'), graph.constant(Float32Array.of(1), [1])]),
        'float',
        1,
      )
      return graph.bytes()
    }
    expect(write()).toEqual(write())
  })

  it('has trees of categories: a split that asks for membership', async () => {
    const graph = createGraph('member')
    const x = graph.input('x', 'float')
    // One tree: x in {1, 4} → 10, else → 20. https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
    const y = graph.node('TreeEnsemble', [x], {
      domain: 'ai.onnx.ml',
      attributes: {
        n_targets: { int: 1 },
        aggregate_function: { int: 1 },
        post_transform: { int: 0 },
        tree_roots: { ints: [0] },
        nodes_featureids: { ints: [0] },
        nodes_modes: { tensor: uint8(6), dims: [1] },
        nodes_splits: { tensor: Float32Array.of(0), dims: [1] },
        nodes_missing_value_tracks_true: { ints: [1] },
        nodes_truenodeids: { ints: [0] },
        nodes_trueleafs: { ints: [1] },
        nodes_falsenodeids: { ints: [1] },
        nodes_falseleafs: { ints: [1] },
        membership_values: { tensor: Float32Array.of(1, 4, NaN), dims: [3] },
        leaf_targetids: { ints: [0, 0] },
        leaf_weights: { tensor: Float32Array.of(10, 20), dims: [2] },
      },
    })
    graph.output('y', y, 'float', 1)
    const session = await ort.InferenceSession.create(graph.bytes())
    const { y: out } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2, 4, Number.NaN), [4, 1]) })
    expect([...(out!.data as Float32Array)]).toEqual([10, 20, 10, 10])
  })
})
function uint8(...elements: number[]): Uint8Array {
  return Uint8Array.from(elements)
}
