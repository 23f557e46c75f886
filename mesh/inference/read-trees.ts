import type { ModelProto, NodeProto, TensorProto } from '#proto/onnx/onnx_pb.ts'
import { setOf, wordsPerSet, type Tree } from './trees.ts'

export interface Ensemble {
  /** The matrix that the trees ask about, as the graph names it: shape [rows, features]. */
  readonly matrix: string
  /** The raw scores, as the graph names them: shape [rows, scores]. */
  readonly scores: string
  /** Trees of each raw score. */
  readonly trees: readonly (readonly Tree[])[]
  /** Raw scores before any tree, float32: shape [scores]. */
  readonly base: Float32Array
  /** Whether the file says how many rows of training came by; else every cover is 0. */
  readonly isCovered: boolean
}

/** Of `nodes_modes`, `aggregate_function` and `post_transform`. https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html */
const [branchLeq, branchMember, sum, none] = [0, 6, 1n, 0n]

/**
 * The trees of an ONNX file whose only questions are x ≤ split and x in a set; covers are in its metadata: those of the
 * splits, then those of the leaves, in the order of the file. Undefined where it has no such trees.
 */
export function readTrees(model: ModelProto): Ensemble | undefined {
  const nodes = model.graph?.node ?? []
  const ensemble = nodes.find(({ opType }) => opType === 'TreeEnsemble')
  if (ensemble === undefined) return undefined
  const covers = model.metadataProps.find(({ key }) => key === 'covers')?.value
  const parts = partsOf(ensemble, covers === undefined ? undefined : floatsOf(fromBase64(covers)))
  if (!parts.isPlain) return undefined
  const add = nodes.find(({ opType, input }) => opType === 'Add' && input[0] === ensemble.output[0])
  const base = model.graph?.initializer.find(({ name }) => name === add?.input[1])
  const trees: Tree[][] = Array.from({ length: parts.targets }, () => [])
  for (const root of parts.roots) {
    const { target, tree } = treeOf(parts, root)
    trees[target]!.push(tree)
  }
  return {
    matrix: ensemble.input[0]!,
    scores: (add ?? ensemble).output[0]!,
    trees,
    base: add === undefined ? new Float32Array(parts.targets) : floatsOf(base?.rawData),
    isCovered: covers !== undefined,
  }
}

type Parts = ReturnType<typeof partsOf>

function partsOf(ensemble: NodeProto, covers: Float32Array | undefined) {
  const attribute = (name: string) => ensemble.attribute.find((one) => one.name === name)
  const ints = (name: string) => Int32Array.from(attribute(name)?.ints ?? [], Number)
  const floats = (name: string) => floatsOf(attribute(name)?.t?.rawData)
  const features = ints('nodes_featureids')
  const modes = tensorBytes(attribute('nodes_modes')?.t)
  const weights = floats('leaf_weights')
  return {
    isPlain:
      attribute('aggregate_function')?.i === sum &&
      attribute('post_transform')?.i === none &&
      modes.every((mode) => mode === branchLeq || mode === branchMember),
    targets: Number(attribute('n_targets')?.i ?? 1n),
    roots: ints('tree_roots'),
    features,
    splits: floats('nodes_splits'),
    missingLeft: ints('nodes_missing_value_tracks_true'),
    children: [
      { ids: ints('nodes_truenodeids'), leaves: ints('nodes_trueleafs') },
      { ids: ints('nodes_falsenodeids'), leaves: ints('nodes_falseleafs') },
    ] as const,
    sets: setsOf(modes, floats('membership_values')),
    targetIds: ints('leaf_targetids'),
    weights,
    splitCovers: covers?.subarray(0, features.length) ?? new Float32Array(features.length),
    leafCovers: covers?.subarray(features.length) ?? new Float32Array(weights.length),
  }
}

/** The codes of each split that asks about a category; a NaN ends a set. */
function setsOf(modes: Uint8Array, values: Float32Array): readonly (readonly number[] | undefined)[] {
  let at = 0
  return Array.from(modes, (mode) => {
    if (mode !== branchMember) return undefined
    const length = values.subarray(at).findIndex(Number.isNaN)
    const set = [...values.subarray(at, at + length)]
    at += length + 1
    return set
  })
}

interface Found {
  readonly id: number
  readonly isLeaf: boolean
}

function treeOf(parts: Parts, root: number): { readonly target: number; readonly tree: Tree } {
  const [left, right] = parts.children
  // A root that leads to the same leaf either way is that leaf.
  const single = left.leaves[root] === 1 && right.leaves[root] === 1 && left.ids[root] === right.ids[root]
  const nodes: Found[] = [single ? { id: left.ids[root]!, isLeaf: true } : { id: root, isLeaf: false }]
  const ends: (readonly [number, number])[] = []
  for (let i = 0; i < nodes.length; i++) {
    const { id, isLeaf } = nodes[i]!
    const child = ({ ids, leaves }: (typeof parts.children)[number]) =>
      nodes.push({ id: ids[id]!, isLeaf: leaves[id] === 1 }) - 1
    ends.push(isLeaf ? [0, 0] : [child(left), child(right)])
  }
  const each = (ofSplit: (id: number) => number, ofLeaf: (id: number) => number) =>
    nodes.map(({ id, isLeaf }) => (isLeaf ? ofLeaf(id) : ofSplit(id)))
  const zero = () => 0
  const sets: number[] = []
  const setAt = each(
    (id) => {
      const codes = parts.sets[id]
      if (codes === undefined) return -1
      return sets.push(...setOf(codes)) - wordsPerSet
    },
    () => -1,
  )
  const tree = {
    feature: Int32Array.from(
      each(
        (id) => parts.features[id]!,
        () => -1,
      ),
    ),
    threshold: Float32Array.from(each((id) => parts.splits[id]!, zero)),
    left: Int32Array.from(ends, ([one]) => one),
    right: Int32Array.from(ends, ([, other]) => other),
    missingLeft: Uint8Array.from(each((id) => parts.missingLeft[id]!, zero)),
    setAt: Int32Array.from(setAt),
    sets: Uint32Array.from(sets),
    value: Float32Array.from(each(zero, (id) => parts.weights[id]!)),
    cover: Float32Array.from(
      each(
        (id) => parts.splitCovers[id]!,
        (id) => parts.leafCovers[id]!,
      ),
    ),
  }
  return { target: parts.targetIds[nodes.find(({ isLeaf }) => isLeaf)!.id]!, tree }
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

function tensorBytes(tensor: TensorProto | undefined): Uint8Array {
  return tensor?.rawData ?? new Uint8Array(0)
}

/** A copy, for what is in a message need not be aligned. */
function floatsOf(bytes: Uint8Array | undefined): Float32Array {
  return new Float32Array(new Uint8Array(bytes ?? []).buffer)
}
