import type { Graph, Value } from '../onnx/graph.ts'

/**
 * Deviations from the mean that are told apart. In n rows none is more than √n, so only a row unlike any of training
 * comes here: it has a finite answer, where float32 would overflow to none.
 */
const farthest = 1e6

export function clip(value: number): number {
  return Math.min(Math.max(value, -farthest), farthest)
}

export function addClip(graph: Graph, dense: Value): Value {
  const bounds = [-farthest, farthest].map((bound) => graph.constant(Float32Array.of(bound), []))
  return graph.node('Clip', [dense, ...bounds])
}
