import { leafOf } from '#mesh/inference/trees.ts'
import type { Feature } from '../feature.ts'
import type { GbdtModel } from './model.ts'

/**
 * What a model says of every row, as ONNX Runtime computes it: sums in float32, tree after tree, the base last.
 * Shape [rows, 1] of a regression, [rows, classes] of a classification.
 */
export function gbdtOutputs(model: GbdtModel, features: readonly Feature[]): Float64Array {
  const rows = features[0]?.values.length ?? 0
  const columns = model.base.length
  const raw = new Float64Array(rows * columns)
  const values = features.map(({ values }) => values)
  for (const [i, tree] of model.trees.entries()) {
    const column = i % columns
    for (let row = 0; row < rows; row++) {
      const leaf = leafOf(tree, (feature) => values[feature]![row]!)
      const at = row * columns + column
      raw[at] = Math.fround(raw[at]! + tree.value[leaf]!)
    }
  }
  for (let at = 0; at < raw.length; at++) raw[at] = Math.fround(raw[at]! + model.base[at % columns]!)
  if (model.objective.kind === 'regression') return raw
  return model.objective.kind === 'binary' ? bothClasses(raw) : softmax(raw, columns)
}

function bothClasses(raw: Float64Array): Float64Array {
  const probabilities = new Float64Array(raw.length * 2)
  for (const [row, score] of raw.entries()) {
    const positive = Math.fround(1 / (1 + Math.exp(-score)))
    probabilities[row * 2] = Math.fround(1 - positive)
    probabilities[row * 2 + 1] = positive
  }
  return probabilities
}

function softmax(raw: Float64Array, classes: number): Float64Array {
  for (let begin = 0; begin < raw.length; begin += classes) {
    const row = raw.subarray(begin, begin + classes)
    const most = row.reduce((a, b) => Math.max(a, b))
    const total = row.reduce((sum, score) => sum + Math.exp(score - most), 0)
    for (const [k, score] of row.entries()) row[k] = Math.fround(Math.exp(score - most) / total)
  }
  return raw
}
