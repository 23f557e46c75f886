import type { Bins } from './bins.ts'
import { findCategorySplit } from './category-split.ts'
import type { Histogram } from './histogram.ts'
import { findNumberSplit } from './number-split.ts'
import type { NodeSums, Split, SplitRules } from './split.ts'

/** The best split of a node over some features; undefined where none gains anything. The first of equals. */
export function findSplit(
  histogram: Histogram,
  bins: Bins,
  features: Int32Array,
  node: NodeSums,
  rules: SplitRules,
): Split | undefined {
  let best: Split | undefined
  for (const feature of features) {
    const edges = bins.cuts[feature]
    const [begin, end] = [bins.offsets[feature]!, bins.offsets[feature + 1]!]
    const least = best?.gain ?? rules.leastGain
    best =
      (edges === undefined
        ? findCategorySplit(histogram, feature, begin, end, node, rules, least)
        : findNumberSplit(histogram, feature, begin, end, node, rules, least)) ?? best
  }
  return best
}
