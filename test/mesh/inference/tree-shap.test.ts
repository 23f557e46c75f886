import { describe, expect, it } from 'vitest'
import { treeShap } from '../../../mesh/inference/tree-shap.ts'
import { goesLeft, leafOf, setOf, type Tree } from '../../../mesh/inference/trees.ts'
import { createRandom } from '../../../core/model/random.ts'

const features = 6

/** A tree of random questions, some asked twice on the way down; some branches that no row of training took. */
function randomTree(random: () => number, depth: number): Tree {
  type Node = {
    feature: number
    threshold: number
    left: number
    right: number
    missing: number
    set?: Uint32Array
    value: number
    cover: number
  }
  const nodes: Node[] = []
  const grow = (level: number, cover: number): number => {
    const node: Node = { feature: -1, threshold: 0, left: 0, right: 0, missing: 0, value: 0, cover }
    const at = nodes.push(node) - 1
    if (level === 0 || (level < depth && random() < 0.2)) {
      node.value = Math.fround(random() * 4 - 2)
      return at
    }
    node.feature = Math.floor(random() * features)
    node.threshold = random()
    node.missing = Number(random() < 0.5)
    if (random() < 0.3) node.set = setOf([0, 2, 40].filter(() => random() < 0.7))
    const toLeft = random() < 0.1 ? 0 : Math.floor(random() * cover)
    node.left = grow(level - 1, toLeft)
    node.right = grow(level - 1, cover - toLeft)
    return at
  }
  grow(depth, 1_000)
  const sets = nodes.flatMap(({ set }) => [...(set ?? [])])
  let at = 0
  return {
    feature: Int32Array.from(nodes, (node) => node.feature),
    threshold: Float32Array.from(nodes, (node) => node.threshold),
    left: Int32Array.from(nodes, (node) => node.left),
    right: Int32Array.from(nodes, (node) => node.right),
    missingLeft: Uint8Array.from(nodes, (node) => node.missing),
    setAt: Int32Array.from(nodes, ({ set }) => (set === undefined ? -1 : (at += set.length) - set.length)),
    sets: Uint32Array.from(sets),
    value: Float32Array.from(nodes, (node) => node.value),
    cover: Float32Array.from(nodes, (node) => node.cover),
  }
}

/** What a tree says where only some features are known, by their bit. */
function expectation(tree: Tree, row: Float32Array, known: number, node = 0): number {
  const feature = tree.feature[node]!
  if (feature < 0) return tree.value[node]!
  const [left, right] = [tree.left[node]!, tree.right[node]!]
  if (known & (1 << feature)) return expectation(tree, row, known, goesLeft(tree, node, row[feature]!) ? left : right)
  const share = (child: number) => (tree.cover[node] === 0 ? 0 : tree.cover[child]! / tree.cover[node]!)
  return share(left) * expectation(tree, row, known, left) + share(right) * expectation(tree, row, known, right)
}

/** Shapley's own formula, over all subsets. */
function shapley(tree: Tree, row: Float32Array): number[] {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1))
  const says = Array.from({ length: 1 << features }, (_, known) => expectation(tree, row, known))
  return Array.from({ length: features }, (_, feature) => {
    let sum = 0
    for (let known = 0; known < 1 << features; known++) {
      if (known & (1 << feature)) continue
      const size = known.toString(2).replaceAll('0', '').length
      const weight = (factorial(size) * factorial(features - size - 1)) / factorial(features)
      sum += weight * (says[known | (1 << feature)]! - says[known]!)
    }
    return sum
  })
}

describe('TreeSHAP', () => {
  it('is what Shapley values are by their definition, over all subsets of features', () => {
    const random = createRandom(1)
    for (let round = 0; round < 200; round++) {
      const tree = randomTree(random, 1 + (round % 7))
      const row = Float32Array.from({ length: features }, () => {
        const drawn = random()
        return drawn < 0.15 ? NaN : drawn < 0.3 ? Math.floor(random() * 60) : random()
      })
      const { base, contributions } = treeShap([tree], row)
      expect(base).toBeCloseTo(expectation(tree, row, 0), 9)
      for (const [i, exact] of shapley(tree, row).entries()) expect(contributions[i]!).toBeCloseTo(exact, 9)
    }
  })

  it('sums to what the trees say', () => {
    const random = createRandom(2)
    const trees = Array.from({ length: 50 }, () => randomTree(random, 8))
    for (let round = 0; round < 20; round++) {
      const row = Float32Array.from({ length: features }, () => (random() < 0.1 ? NaN : random()))
      const { base, contributions } = treeShap(trees, row)
      const says = trees.reduce((sum, tree) => sum + tree.value[leafOf(tree, (feature) => row[feature]!)]!, 0)
      expect(contributions.reduce((a, b) => a + b, base)).toBeCloseTo(says, 6)
    }
  })
})
