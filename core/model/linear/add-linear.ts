import type { Graph, Value } from '../onnx/graph.ts'
import { addClip } from './clip.ts'
import type { LinearModel } from './model.ts'

/**
 * The model in a graph. `dense` is float [rows, columns]; the answer is [rows, 1] of a regression, [rows, classes] of
 * classes.
 */
export function addLinear(graph: Graph, dense: Value, { classes, names, weights, intercepts }: LinearModel): Value {
  const outputs = intercepts.length
  const scores = graph.node(
    'Gemm',
    [addClip(graph, dense), graph.constant(weights, [outputs, names.length]), graph.constant(intercepts, [outputs])],
    { attributes: { transB: { int: 1 } } },
  )
  if (classes === 0) return scores
  if (classes > 2) return graph.node('Softmax', [scores], { attributes: { axis: { int: 1 } } })
  const one = graph.node('Sigmoid', [scores])
  const zero = graph.node('Sub', [graph.constant(Float32Array.of(1), [1]), one])
  return graph.node('Concat', [zero, one], { attributes: { axis: { int: 1 } } })
}
