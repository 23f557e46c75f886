import { goesLeft, type Tree } from './trees.ts'

export interface Explanation {
  /** What the trees say where nothing is known of a row. */
  readonly base: number
  /** What each feature adds to that: shape [features]. */
  readonly contributions: Float64Array
}

/** What was asked about on the way down: one element a feature, the first of none. */
interface Path {
  length: number
  readonly feature: Int32Array
  /** Share of the rows of training that come this way where the feature is unknown. */
  readonly unknown: Float64Array
  /** 1 where this row comes this way, else 0. */
  readonly known: Float64Array
  /** Weight of the subsets of a size that come this way. */
  readonly weight: Float64Array
}

/**
 * Exact Shapley values of a row, with what is unknown weighed as the rows of training were: path-dependent TreeSHAP
 * (Lundberg et al. 2020, Algorithm 2). `base` and `contributions` sum to what the trees say of the row.
 */
export function treeShap(trees: readonly Tree[], row: Float32Array): Explanation {
  const contributions = new Float64Array(row.length)
  const base = trees.reduce((sum, tree) => sum + meanOf(tree), 0)
  const paths: Path[] = [createPath(1)]
  for (const tree of trees) descend(tree, 0, row, paths, 1, -1, 1, 1, contributions)
  return { base, contributions }
}

/** Over the rows of training. */
function meanOf({ feature, value, cover }: Tree): number {
  let sum = 0
  for (const [node, asked] of feature.entries()) {
    if (asked < 0) sum += value[node]! * cover[node]!
  }
  return cover[0] === 0 ? 0 : sum / cover[0]!
}

/**
 * @param level `paths[level]` is this node's to write, the one before it its parent's
 * @param asked what was asked last, and the shares of its branch
 */
function descend(
  tree: Tree,
  node: number,
  row: Float32Array,
  paths: Path[],
  level: number,
  asked: number,
  unknown: number,
  known: number,
  contributions: Float64Array,
): void {
  const path = (paths[level] ??= createPath(level + 1))
  copy(paths[level - 1]!, path)
  extend(path, asked, unknown, known)
  const feature = tree.feature[node]!
  if (feature < 0) {
    const value = tree.value[node]!
    for (let i = 1; i < path.length; i++) {
      contributions[path.feature[i]!]! += sumWithout(path, i) * (path.known[i]! - path.unknown[i]!) * value
    }
    return
  }

  let [unknownBefore, knownBefore] = [1, 1]
  // Asked a second time, a feature is one element still.
  const before = placeOf(path, feature)
  if (before > 0) {
    unknownBefore = path.unknown[before]!
    knownBefore = path.known[before]!
    removeAt(path, before)
  }
  const hot = goesLeft(tree, node, row[feature]!) ? tree.left[node]! : tree.right[node]!
  const cold = tree.left[node]! + tree.right[node]! - hot
  const perRow = tree.cover[node] === 0 ? 0 : unknownBefore / tree.cover[node]!
  const hotShare = tree.cover[hot]! * perRow
  const coldShare = tree.cover[cold]! * perRow
  // Where neither this row nor any of training comes, nothing is added.
  if (hotShare > 0 || knownBefore > 0) {
    descend(tree, hot, row, paths, level + 1, feature, hotShare, knownBefore, contributions)
  }
  if (coldShare > 0) descend(tree, cold, row, paths, level + 1, feature, coldShare, 0, contributions)
}

function placeOf(path: Path, feature: number): number {
  for (let i = 1; i < path.length; i++) {
    if (path.feature[i] === feature) return i
  }
  return 0
}

function createPath(capacity: number): Path {
  return {
    length: 0,
    feature: new Int32Array(capacity),
    unknown: new Float64Array(capacity),
    known: new Float64Array(capacity),
    weight: new Float64Array(capacity),
  }
}

function copy(from: Path, to: Path): void {
  to.length = from.length
  for (let i = 0; i < from.length; i++) {
    to.feature[i] = from.feature[i]!
    to.unknown[i] = from.unknown[i]!
    to.known[i] = from.known[i]!
    to.weight[i] = from.weight[i]!
  }
}

/** EXTEND of the paper. */
function extend(path: Path, feature: number, unknown: number, known: number): void {
  const { weight } = path
  const size = path.length++
  path.feature[size] = feature
  path.unknown[size] = unknown
  path.known[size] = known
  weight[size] = size === 0 ? 1 : 0
  for (let i = size - 1; i >= 0; i--) {
    weight[i + 1]! += (known * weight[i]! * (i + 1)) / (size + 1)
    weight[i] = (unknown * weight[i]! * (size - i)) / (size + 1)
  }
}

/** UNWIND of the paper: the path as it would be had it never asked about that feature. */
function removeAt(path: Path, at: number): void {
  const { weight, unknown, known, feature } = path
  const last = --path.length
  let next = weight[last]!
  for (let i = last - 1; i >= 0; i--) {
    if (known[at] === 0) {
      weight[i] = (weight[i]! * (last + 1)) / (unknown[at]! * (last - i))
      continue
    }
    const without = (next * (last + 1)) / (i + 1)
    next = weight[i]! - (without * unknown[at]! * (last - i)) / (last + 1)
    weight[i] = without
  }
  for (let i = at; i < last; i++) {
    feature[i] = feature[i + 1]!
    unknown[i] = unknown[i + 1]!
    known[i] = known[i + 1]!
  }
}

/** The weights that UNWIND would leave, summed. */
function sumWithout({ weight, unknown, known, length }: Path, at: number): number {
  const last = length - 1
  const share = unknown[at]!
  let sum = 0
  if (known[at] === 0) {
    for (let i = 0; i < last; i++) sum += weight[i]! / (last - i)
    return (sum * (last + 1)) / share
  }
  let next = weight[last]!
  for (let i = last - 1; i >= 0; i--) {
    const without = next / (i + 1)
    sum += without
    next = weight[i]! - without * share * (last - i)
  }
  return sum * (last + 1)
}
