import type { ModelProto, NodeProto, TensorProto } from '#proto/onnx/onnx_pb.ts'
import { setOf, wordsPerSet, type Tree } from './trees.ts'

export interface Ensemble {
  /** The matrix that the trees ask about, as the graph names it: shape [rows, features]. */
  readonly matrix: string
  /** Trees of each raw score. */
  readonly trees: readonly (readonly Tree[])[]
  /** Raw scores before any tree, float32: shape [scores]. */
  readonly base: Float32Array
}

/** Of `nodes_modes`. https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html */
const branchMember = 6

/**
 * The trees of an ONNX file that training wrote, with the covers of its metadata: those of the splits, then those of the
 * leaves, in the order of the file. Undefined where it has no trees.
 */
export function readTrees(model: ModelProto): Ensemble | undefined {
  const nodes = model.graph?.node ?? []
  const ensemble = nodes.find(({ opType }) => opType === 'TreeEnsemble')
  const covers = model.metadataProps.find(({ key }) => key === 'covers')?.value
  if (ensemble === undefined || covers === undefined) return undefined
  const add = nodes.find(({ opType, input }) => opType === 'Add' && input[0] === ensemble.output[0])
  const base = model.graph?.initializer.find(({ name }) => name === add?.input[1])
  const parts = partsOf(ensemble, floatsOf(Uint8Array.from(atob(covers), (char) => char.charCodeAt(0))))
  const trees: Tree[][] = Array.from({ length: parts.targets }, () => [])
  for (const root of parts.roots) {
    const { target, tree } = treeOf(parts, root)
    trees[target]!.push(tree)
  }
  return { matrix: ensemble.input[0]!, trees, base: floatsOf(base?.rawData) }
}

type Parts = ReturnType<typeof partsOf>

function partsOf(ensemble: NodeProto, covers: Float32Array) {
  const attribute = (name: string) => ensemble.attribute.find((one) => one.name === name)
  const ints = (name: string) => Int32Array.from(attribute(name)?.ints ?? [], Number)
  const floats = (name: string) => floatsOf(attribute(name)?.t?.rawData)
  const features = ints('nodes_featureids')
  const modes = tensorBytes(attribute('nodes_modes')?.t)
  return {
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
    weights: floats('leaf_weights'),
    splitCovers: covers.subarray(0, features.length),
    leafCovers: covers.subarray(features.length),
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
  const none = () => 0
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
    threshold: Float32Array.from(each((id) => parts.splits[id]!, none)),
    left: Int32Array.from(ends, ([one]) => one),
    right: Int32Array.from(ends, ([, other]) => other),
    missingLeft: Uint8Array.from(each((id) => parts.missingLeft[id]!, none)),
    setAt: Int32Array.from(setAt),
    sets: Uint32Array.from(sets),
    value: Float32Array.from(each(none, (id) => parts.weights[id]!)),
    cover: Float32Array.from(
      each(
        (id) => parts.splitCovers[id]!,
        (id) => parts.leafCovers[id]!,
      ),
    ),
  }
  return { target: parts.targetIds[nodes.find(({ isLeaf }) => isLeaf)!.id]!, tree }
}

function tensorBytes(tensor: TensorProto | undefined): Uint8Array {
  return tensor?.rawData ?? new Uint8Array(0)
}

/** A copy, for what is in a message need not be aligned. */
function floatsOf(bytes: Uint8Array | undefined): Float32Array {
  return new Float32Array(new Uint8Array(bytes ?? []).buffer)
}
