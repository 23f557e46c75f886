import { type Tree, wordsPerSet } from './trees.ts'

/** Walks at a time; trees and rows are filled up to a whole number of them. */
export const lanes = 4
/** Of a set: the codes, then what is missing and what no set knows. */
export const setWords = wordsPerSet + 1
/** A node: the column that it asks about, its threshold (of a leaf: its value), the place of its left child, its set. */
const nodeWords = 4

/** Trees one behind another, by the place of their first word. */
export interface Layout {
  readonly nodes: Int32Array
  /** The same memory, for a node's second word. */
  readonly thresholds: Float32Array
  /** Bits of what goes right. The first set is empty: where no set is asked about. */
  readonly sets: Int32Array
  /** By tree. */
  readonly roots: Int32Array
  readonly depths: Int32Array
  /** To which score it adds. */
  readonly targets: Int32Array
  /** Columns: one that leaves ask about, and of each feature one in which what is missing goes left and one in which it goes right. */
  readonly width: number
}

const leafColumn = 0
const maxFloat = 3.402_823_466_385_288_6e38
const nothing: Tree = {
  feature: Int32Array.of(-1),
  threshold: new Float32Array(1),
  left: new Int32Array(1),
  right: new Int32Array(1),
  missingLeft: new Uint8Array(1),
  setAt: Int32Array.of(-1),
  sets: new Uint32Array(0),
  value: new Float32Array(1),
  cover: new Float32Array(1),
}

export function layOut(trees: readonly (readonly Tree[])[], features: number): Layout {
  const all = trees.flatMap((some, target) => some.map((tree) => ({ tree, target })))
  while (all.length % lanes !== 0) all.push({ tree: nothing, target: 0 })
  const count = all.reduce((sum, { tree }) => sum + tree.feature.length, 0)
  const nodes = new Int32Array(count * nodeWords)
  const thresholds = new Float32Array(nodes.buffer)
  const sets: number[] = Array.from({ length: setWords }, () => 0)
  const roots: number[] = []
  const depths: number[] = []
  let end = 0

  function place(tree: Tree): void {
    // Breadth first, so that two children are side by side.
    const queue = [{ node: 0, depth: 0 }]
    let deepest = 0
    const root = end
    roots.push(root)
    for (const { node, depth } of queue) {
      deepest = Math.max(deepest, depth)
      const feature = tree.feature[node]!
      const at = end
      end += nodeWords
      if (feature < 0) {
        nodes[at] = leafColumn
        thresholds[at + 1] = tree.value[node]!
        nodes[at + 2] = at
        continue
      }
      const isMissingRight = tree.missingLeft[node] === 0
      nodes[at] = 1 + 2 * feature + Number(isMissingRight)
      nodes[at + 2] = root + queue.length * nodeWords
      queue.push({ node: tree.left[node]!, depth: depth + 1 }, { node: tree.right[node]!, depth: depth + 1 })
      const from = tree.setAt[node]!
      // A node may ask only whether there is a value: what is missing is above that, too.
      thresholds[at + 1] = from < 0 ? Math.min(tree.threshold[node]!, maxFloat) : Infinity
      if (from < 0) continue
      nodes[at + 3] = sets.length
      for (let word = 0; word < wordsPerSet; word++) sets.push(~tree.sets[from + word]!)
      sets.push(Number(isMissingRight) | 2)
    }
    depths.push(deepest)
  }

  for (const { tree } of all) place(tree)
  return {
    nodes,
    thresholds,
    sets: Int32Array.from(sets),
    roots: Int32Array.from(roots),
    depths: Int32Array.from(depths),
    targets: Int32Array.from(all, ({ target }) => target),
    width: 1 + 2 * features,
  }
}
