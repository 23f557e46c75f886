import type { Ensemble } from './read-trees.ts'
import { layOut, lanes, setWords } from './forest-layout.ts'
import { wordsPerSet } from './trees.ts'

/** Scores of rows, float32 [rows, scores], from their matrix, float32 [rows, features], in which NaN is missing. */
export type Forest = (matrix: Float32Array, rows: number) => Float32Array

/** Rows that are walked together: what is laid out for them stays in the processor's nearest cache. */
const blockRows = 256
/** Codes that a set may know; behind them what is missing, and what no set knows. */
const codes = wordsPerSet * 32

/**
 * Trees at work. No question is a branch, which a processor would guess wrong half of the time: a node's children lie side
 * by side and the answer is added to the place of the left one; a leaf leads to itself; what is missing is below every
 * threshold in one column and above it in another, and each node reads the one that is right for it. Four walks go on at a
 * time (four rows down one tree, or one row down four), for each waits for its memory and none for another.
 */
export function createForest({ trees, base }: Ensemble, features: number): Forest {
  const { nodes, thresholds, sets, roots, depths, targets, width } = layOut(trees, features)
  const hasSets = sets.length > setWords
  const scores = base.length
  // Below everything stays the one that leaves ask about.
  const cells = new Float32Array(blockRows * width).fill(-Infinity)
  const cellCodes = new Int32Array(hasSets ? cells.length : 0)
  const sums = new Float64Array(blockRows * scores)
  const leaves = new Int32Array(lanes)

  /** Rows of the matrix as nodes read them. */
  function lay(matrix: Float32Array, from: number, count: number): void {
    for (let row = 0; row < count; row++) {
      for (let feature = 0; feature < features; feature++) {
        const value = matrix[(from + row) * features + feature]!
        const isMissing = value !== value
        const cell = row * width + 1 + 2 * feature
        cells[cell] = isMissing ? -Infinity : value
        cells[cell + 1] = isMissing ? Infinity : value
        if (hasSets) {
          const code = isMissing ? codes : value >= 0 && value < codes ? value : codes + 1
          cellCodes[cell] = code
          cellCodes[cell + 1] = code
        }
      }
    }
  }

  /** Down from four roots, in four rows, whose cells begin at x0 …: to `leaves`. */
  function walk(
    depth: number,
    root0: number,
    root1: number,
    root2: number,
    root3: number,
    x0: number,
    x1: number,
    x2: number,
    x3: number,
  ): void {
    let node0 = root0
    let node1 = root1
    let node2 = root2
    let node3 = root3
    for (let level = 0; level < depth; level++) {
      const cell0 = x0 + nodes[node0]!
      const cell1 = x1 + nodes[node1]!
      const cell2 = x2 + nodes[node2]!
      const cell3 = x3 + nodes[node3]!
      let right0 = Number(cells[cell0]! > thresholds[node0 + 1]!)
      let right1 = Number(cells[cell1]! > thresholds[node1 + 1]!)
      let right2 = Number(cells[cell2]! > thresholds[node2 + 1]!)
      let right3 = Number(cells[cell3]! > thresholds[node3 + 1]!)
      if (hasSets) {
        right0 |= (sets[nodes[node0 + 3]! + (cellCodes[cell0]! >>> 5)]! >>> cellCodes[cell0]!) & 1
        right1 |= (sets[nodes[node1 + 3]! + (cellCodes[cell1]! >>> 5)]! >>> cellCodes[cell1]!) & 1
        right2 |= (sets[nodes[node2 + 3]! + (cellCodes[cell2]! >>> 5)]! >>> cellCodes[cell2]!) & 1
        right3 |= (sets[nodes[node3 + 3]! + (cellCodes[cell3]! >>> 5)]! >>> cellCodes[cell3]!) & 1
      }
      node0 = nodes[node0 + 2]! + (right0 << 2)
      node1 = nodes[node1 + 2]! + (right1 << 2)
      node2 = nodes[node2 + 2]! + (right2 << 2)
      node3 = nodes[node3 + 2]! + (right3 << 2)
    }
    leaves[0] = node0
    leaves[1] = node1
    leaves[2] = node2
    leaves[3] = node3
  }

  function addRows(count: number): void {
    for (let tree = 0; tree < roots.length; tree++) {
      const root = roots[tree]!
      const depth = depths[tree]!
      const target = targets[tree]!
      for (let row = 0; row < count; row += lanes) {
        const x = row * width
        walk(depth, root, root, root, root, x, x + width, x + 2 * width, x + 3 * width)
        for (let lane = 0; lane < lanes; lane++) sums[(row + lane) * scores + target]! += thresholds[leaves[lane]! + 1]!
      }
    }
  }

  function addRow(): void {
    for (let tree = 0; tree < roots.length; tree += lanes) {
      const depth = Math.max(depths[tree]!, depths[tree + 1]!, depths[tree + 2]!, depths[tree + 3]!)
      walk(depth, roots[tree]!, roots[tree + 1]!, roots[tree + 2]!, roots[tree + 3]!, 0, 0, 0, 0)
      for (let lane = 0; lane < lanes; lane++) sums[targets[tree + lane]!]! += thresholds[leaves[lane]! + 1]!
    }
  }

  return (matrix, rows) => {
    const said = new Float32Array(rows * scores)
    for (let from = 0; from < rows; from += blockRows) {
      const count = Math.min(blockRows, rows - from)
      lay(matrix, from, count)
      sums.fill(0)
      if (count === 1) addRow()
      else addRows(count)
      for (let at = 0; at < count * scores; at++) said[from * scores + at] = base[at % scores]! + sums[at]!
    }
    return said
  }
}
