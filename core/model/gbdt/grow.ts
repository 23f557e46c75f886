import type { Bins } from './bins.ts'
import { findSplit } from './find-split.ts'
import { addRows, subtract, type createHistograms, type Histogram, type Rows } from './histogram.ts'
import type { GbdtTree } from './model.ts'
import type { GbdtOptions } from './options.ts'
import { partition } from './partition.ts'
import { leafValue, type NodeSums, type Split, type SplitRules, type Sums } from './split.ts'
import { createTreeWriter } from './tree-writer.ts'

interface Leaf extends NodeSums {
  readonly node: number
  readonly depth: number
  /** Its rows are `rows.ids` from here on, as many as `rows` says. */
  readonly begin: number
  readonly histogram?: Histogram
  readonly split?: Split
}

export interface Growth {
  readonly bins: Bins
  readonly options: GbdtOptions & SplitRules
  readonly histograms: ReturnType<typeof createHistograms>
  /** Room for a row each. */
  readonly spare: Uint32Array
  /** Throws where training is to end. */
  readonly check: () => void
}

export interface Grown {
  readonly tree: GbdtTree
  /** What each leaf says to the rows of `rows.ids` that came to it. */
  readonly leaves: readonly { readonly begin: number; readonly end: number; readonly value: number }[]
}

/** Grows a tree leaf by leaf, the one that gains most first (Ke et al. 2017). Puts `rows.ids` into the order of its leaves. */
export function growTree(growth: Growth, rows: Rows, features: Int32Array): Grown {
  const { bins, options, histograms, check } = growth
  const tree = createTreeWriter(bins)
  const open = [rootOf(growth, rows, features)]

  while (open.length < options.maxLeaves) {
    const at = bestOf(open)
    const leaf = open[at]
    if (leaf?.split === undefined) break
    check()
    const { split, depth, begin } = leaf
    const leftRows = partition(growth, split, rows.ids, begin, begin + leaf.rows)
    const [left, right] = tree.split(leaf.node, split)
    const halves = [
      { ...split.left, ...boundsOf(leaf, split, options, 'left'), node: left, begin, rows: leftRows, depth: depth + 1 },
      {
        ...split.right,
        ...boundsOf(leaf, split, options, 'right'),
        node: right,
        begin: begin + leftRows,
        rows: leaf.rows - leftRows,
        depth: depth + 1,
      },
    ] as const
    const last = open.length + 1 === options.maxLeaves
    open.splice(at, 1, ...(last ? halves : splitNext(growth, rows, features, leaf.histogram!, halves)))
    if (last) histograms.give(leaf.histogram!)
  }

  const leaves = open.map((leaf) => {
    if (leaf.histogram !== undefined) histograms.give(leaf.histogram)
    const says = leafValue(leaf.gradient, leaf.hessian, options.l2, leaf.low, leaf.high)
    // A tree without a split would repeat what the base says.
    const value = open.length === 1 ? 0 : Math.fround(says * options.learningRate)
    tree.leaf(leaf.node, value, leaf.rows)
    return { begin: leaf.begin, end: leaf.begin + leaf.rows, value }
  })
  return { tree: tree.done(), leaves }
}

function bestOf(open: readonly Leaf[]): number {
  let best = 0
  for (const [i, { split }] of open.entries()) {
    if ((split?.gain ?? 0) > (open[best]!.split?.gain ?? 0)) best = i
  }
  return best
}

function rootOf(growth: Growth, rows: Rows, features: Int32Array): Leaf {
  const { bins, options, histograms } = growth
  const histogram = histograms.take()
  addRows(histogram, growth, rows, 0, rows.ids.length)
  let [gradient, hessian] = [0, 0]
  // Every row is in one bin of the first feature, as of any.
  for (let bin = 0; bin < bins.offsets[1]!; bin++) {
    gradient += histogram[bin * 2]!
    hessian += histogram[bin * 2 + 1]!
  }
  const sums = { gradient, hessian, rows: rows.ids.length, low: -Infinity, high: Infinity }
  const split = findSplit(histogram, bins, features, sums, options)
  return { ...sums, node: 0, depth: 0, begin: 0, histogram, ...(split && { split }) }
}

/** The smaller half is counted, and the larger is what is left of the whole. */
function splitNext(
  growth: Growth,
  rows: Rows,
  features: Int32Array,
  whole: Histogram,
  halves: readonly [Leaf, Leaf],
): Leaf[] {
  const { bins, options, histograms } = growth
  const splittable = (leaf: Leaf): boolean => leaf.depth < options.maxDepth && leaf.rows >= 2 * options.minRows
  if (!halves.some(splittable)) {
    histograms.give(whole)
    return [...halves]
  }
  const smaller = halves[0].rows <= halves[1].rows ? 0 : 1
  const { begin, rows: count } = halves[smaller]
  const counted = histograms.take()
  addRows(counted, growth, rows, begin, begin + count)
  subtract(whole, counted)
  return halves.map((leaf, i) => {
    const histogram = i === smaller ? counted : whole
    const split = splittable(leaf) ? findSplit(histogram, bins, features, leaf, options) : undefined
    if (split !== undefined) return { ...leaf, histogram, split }
    histograms.give(histogram)
    return leaf
  })
}

/** A monotone feature's halves meet in the middle of what they say: nothing below may cross it. As XGBoost does it. */
function boundsOf(leaf: Leaf, split: Split, { l2, monotone }: GbdtOptions, half: 'left' | 'right') {
  const { low, high } = leaf
  const direction = monotone[split.feature] ?? 0
  if (direction === 0) return { low, high }
  const says = ({ gradient, hessian }: Sums) => leafValue(gradient, hessian, l2, low, high)
  const middle = (says(split.left) + says(split.right)) / 2
  return (half === 'left') === direction > 0 ? { low, high: middle } : { low: middle, high }
}
