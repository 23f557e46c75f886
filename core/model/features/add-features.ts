import type { Graph, Value } from '../onnx/graph.ts'
import { addTimeParts } from './add-time-parts.ts'
import type { CategoryInput, FeaturePlan } from './plan.ts'

/**
 * The graph's inputs, one a raw column, and what makes features of them: X, float [rows, features], in the order of
 * `featuresOf`. A category is its code; what is missing is NaN.
 */
export function addFeatures(graph: Graph, { inputs }: FeaturePlan): Value {
  const numbers: Value[] = []
  const others: Value[] = []
  for (const input of inputs) {
    if (input.kind === 'number') numbers.push(graph.input(input.name, 'float'))
    else if (input.kind === 'category') others.push(addCategory(graph, input))
    else others.push(...addTimeParts(graph, graph.input(input.name, 'int64'), input.parts))
  }
  return concat(graph, numbers.length === 0 ? others : [addNumbers(graph, numbers), ...others])
}

/** What is infinite is missing. */
function addNumbers(graph: Graph, numbers: readonly Value[]): Value {
  const all = concat(graph, numbers)
  return graph.node('Where', [graph.node('IsInf', [all]), graph.constant(Float32Array.of(Number.NaN), [1]), all])
}

/** https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html */
function addCategory(graph: Graph, { name, labels, other }: CategoryInput): Value {
  return graph.node('LabelEncoder', [graph.input(name, 'string')], {
    domain: 'ai.onnx.ml',
    attributes: {
      keys_strings: { strings: ['', ...labels] },
      values_floats: { floats: [Number.NaN, ...labels.keys()] },
      default_float: { float: other ? labels.length : Number.NaN },
    },
  })
}

function concat(graph: Graph, columns: readonly Value[]): Value {
  return columns.length === 1 ? columns[0]! : graph.node('Concat', columns, { attributes: { axis: { int: 1 } } })
}
