import { goesLeft, wordsPerSet, type Tree } from '#mesh/inference/trees.ts'
import type { Attribute, Graph, Value } from '../onnx/graph.ts'
import type { GbdtModel } from './model.ts'

/** Of `nodes_modes`: x ≤ split, and x in a set. https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html */
const branchLeq = 0
const branchMember = 6

/**
 * Adds a model to a graph: from the matrix of features, shape [rows, features], to `prediction` [rows, 1] or
 * `probabilities` [rows, classes].
 */
export function addTrees(graph: Graph, x: Value, model: GbdtModel): Value {
  const sums = graph.node('TreeEnsemble', [x], { domain: 'ai.onnx.ml', attributes: attributesOf(model) })
  const raw = graph.node('Add', [sums, graph.constant(model.base, [1, model.base.length])])
  const attributes = { axis: { int: 1 } }
  if (model.objective.kind === 'regression') return raw
  if (model.objective.kind === 'multiclass') return graph.node('Softmax', [raw], { attributes })
  const positive = graph.node('Sigmoid', [raw])
  const negative = graph.node('Sub', [graph.constant(Float32Array.of(1), [1]), positive])
  return graph.node('Concat', [negative, positive], { attributes })
}

/**
 * How many rows of training came by each split, then by each leaf, in the order of the file, which itself has no place
 * for the leaves': float32, base64. For the file's metadata, under `covers`.
 */
export function coversOf(model: GbdtModel): string {
  const { splits, leaves } = orderOf(model)
  const covers = Float32Array.from([...splits, ...leaves], ({ tree, node }) => tree.cover[node]!)
  return Buffer.from(covers.buffer).toString('base64')
}

interface Place {
  readonly tree: Tree
  readonly node: number
  /** To which score the tree adds. */
  readonly target: number
  /** The number of every node of its tree. */
  readonly numbers: Int32Array
}

/** Splits and leaves are numbered apart, over all trees. */
function orderOf(model: GbdtModel): { readonly splits: Place[]; readonly leaves: Place[]; readonly roots: number[] } {
  const [splits, leaves]: [Place[], Place[]] = [[], []]
  const roots = model.trees.map((tree, i) => {
    const root = splits.length
    const numbers = new Int32Array(tree.feature.length)
    for (const [node, feature] of tree.feature.entries()) {
      const place = { tree, node, target: i % model.base.length, numbers }
      // A tree of one leaf is a split, too: one that leads to the same leaf either way.
      if (feature >= 0 || node === 0) numbers[node] = splits.push(place) - 1
      if (feature < 0) numbers[node] = leaves.push(place) - 1
    }
    return root
  })
  return { splits, leaves, roots }
}

function attributesOf(model: GbdtModel): Readonly<Record<string, Attribute>> {
  const { splits, leaves, roots } = orderOf(model)
  const ofSplits = (of: (tree: Tree, node: number) => number) => splits.map(({ tree, node }) => of(tree, node))
  const children = (side: 'left' | 'right') => ({
    ids: { ints: splits.map(({ tree, node, numbers }) => numbers[tree[side][node]!]!) },
    leaves: { ints: ofSplits((tree, node) => Number(tree.feature[tree[side][node]!]! < 0)) },
  })
  const modes = Uint8Array.from(ofSplits((tree, node) => (tree.setAt[node]! < 0 ? branchLeq : branchMember)))
  const members = Float32Array.from(splits.flatMap(({ tree, node }) => membersOf(tree, node)))
  const [left, right] = [children('left'), children('right')]
  return {
    n_targets: { int: model.base.length },
    aggregate_function: { int: 1 },
    post_transform: { int: 0 },
    tree_roots: { ints: roots },
    nodes_featureids: { ints: ofSplits((tree, node) => Math.max(tree.feature[node]!, 0)) },
    nodes_modes: { tensor: modes, dims: [splits.length] },
    nodes_splits: {
      tensor: Float32Array.from(ofSplits((tree, node) => tree.threshold[node]!)),
      dims: [splits.length],
    },
    nodes_missing_value_tracks_true: { ints: ofSplits((tree, node) => tree.missingLeft[node]!) },
    nodes_truenodeids: left.ids,
    nodes_trueleafs: left.leaves,
    nodes_falsenodeids: right.ids,
    nodes_falseleafs: right.leaves,
    ...(members.length > 0 && { membership_values: { tensor: members, dims: [members.length] } }),
    leaf_targetids: { ints: leaves.map(({ target }) => target) },
    leaf_weights: {
      tensor: Float32Array.from(leaves, ({ tree, node }) => tree.value[node]!),
      dims: [leaves.length],
    },
  }
}

/** The codes of a node's set, and the mark of its end. */
function membersOf(tree: Tree, node: number): number[] {
  const at = tree.setAt[node]!
  if (at < 0) return []
  const codes = Array.from({ length: wordsPerSet * 32 }, (_, code) => code)
  return [...codes.filter((code) => goesLeft(tree, node, code)), NaN]
}
