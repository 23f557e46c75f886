import { treeShap, type Explanation } from '#mesh/inference/tree-shap.ts'
import type { GbdtModel } from './model.ts'

/** What each feature adds to a raw score of a row: that of a class, or the only one. Shape of the row [features]. */
export function shap(model: GbdtModel, row: Float32Array, output = 0): Explanation {
  const { base, contributions } = treeShap(
    model.trees.filter((_, i) => i % model.base.length === output),
    row,
  )
  return { base: base + model.base[output]!, contributions }
}
