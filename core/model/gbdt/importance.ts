import type { GbdtModel } from './model.ts'

/** What the splits of each feature gained, over all trees: shape [features]. */
export function importance(model: GbdtModel): Float64Array {
  const gains = new Float64Array(model.features.length)
  for (const { feature, gain } of model.trees) {
    for (const [node, asked] of feature.entries()) {
      if (asked >= 0) gains[asked]! += gain[node]!
    }
  }
  return gains
}
