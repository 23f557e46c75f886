import { addClip } from '../linear/clip.ts'
import type { Graph, Value } from '../onnx/graph.ts'
import type { KmeansModel } from './model.ts'

/**
 * The model in a graph: `dense` is float [rows, columns], the answers int64 [rows, 1] and float [rows, 1]. Differences
 * are squared, not multiplied out: that would lose in float32 what is left of large numbers.
 */
export function addKmeans(
  graph: Graph,
  dense: Value,
  { names, centers }: KmeansModel,
): { segment: Value; distance: Value } {
  const k = centers.length / names.length
  const axis = (at: number): Value => graph.constant(BigInt64Array.of(BigInt(at)), [1])
  const rows = graph.node('Unsqueeze', [addClip(graph, dense), axis(1)])
  const apart = graph.node('Sub', [rows, graph.constant(centers, [1, k, names.length])])
  const squares = graph.node('ReduceSumSquare', [apart, axis(2)], { attributes: { keepdims: { int: 0 } } })
  const least = graph.node('ReduceMin', [squares, axis(1)], { attributes: { keepdims: { int: 1 } } })
  return {
    segment: graph.node('ArgMin', [squares], { attributes: { axis: { int: 1 }, keepdims: { int: 1 } } }),
    distance: graph.node('Sqrt', [least]),
  }
}
