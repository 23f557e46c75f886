import type { Graph, Value } from '../onnx/graph.ts'
import type { DenseColumn, DensePlan, LabelColumn, MissingColumn, StandardColumn } from './plan-dense.ts'

/** Of X (float [rows, features]) the matrix that linear models and k-means take: float [rows, columns of the plan]. */
export function addDense(graph: Graph, x: Value, { columns }: DensePlan): Value {
  const numbers = columns.filter((column) => column.kind === 'number')
  const missing = columns.filter((column) => column.kind === 'missing')
  const labels = columns.filter((column) => column.kind === 'label')
  const parts: Value[] = []
  if (numbers.length > 0) parts.push(addNumbers(graph, x, numbers))
  if (missing.length > 0) parts.push(addMissing(graph, x, missing))
  if (labels.length > 0) parts.push(addLabels(graph, x, labels))
  return parts.length === 1 ? parts[0]! : graph.node('Concat', parts, { attributes: { axis: { int: 1 } } })
}

function addNumbers(graph: Graph, x: Value, columns: readonly StandardColumn[]): Value {
  const some = gather(graph, x, columns)
  const centred = graph.node('Sub', [
    some,
    row(
      graph,
      Float32Array.from(columns, ({ mean }) => mean),
    ),
  ])
  const scaled = graph.node('Mul', [
    centred,
    row(
      graph,
      Float32Array.from(columns, (column) => column.perDeviation),
    ),
  ])
  return graph.node('Where', [graph.node('IsNaN', [some]), row(graph, Float32Array.of(0)), scaled])
}

function addMissing(graph: Graph, x: Value, columns: readonly MissingColumn[]): Value {
  return asFloat(graph, graph.node('IsNaN', [gather(graph, x, columns)]))
}

function addLabels(graph: Graph, x: Value, columns: readonly LabelColumn[]): Value {
  const codes = row(
    graph,
    Float32Array.from(columns, ({ code }) => code),
  )
  return asFloat(graph, graph.node('Equal', [gather(graph, x, columns), codes]))
}

function gather(graph: Graph, x: Value, columns: readonly DenseColumn[]): Value {
  const places = BigInt64Array.from(columns, ({ feature }) => BigInt(feature))
  return graph.node('Gather', [x, graph.constant(places, [columns.length])], { attributes: { axis: { int: 1 } } })
}

function row(graph: Graph, values: Float32Array): Value {
  return graph.constant(values, [values.length])
}

function asFloat(graph: Graph, value: Value): Value {
  return graph.node('Cast', [value], { attributes: { to: { int: 1 } } })
}
