/** A decision tree as flat arrays, one element a node; node 0 is the root. Made in training, and read back out of an ONNX file. */
export interface Tree {
  /** What is asked about: a column of the matrix; −1 at a leaf. */
  readonly feature: Int32Array
  /** x ≤ threshold goes left; compared as float32. */
  readonly threshold: Float32Array
  readonly left: Int32Array
  readonly right: Int32Array
  /** 1 where a missing value (NaN) goes left. */
  readonly missingLeft: Uint8Array
  /** Where `sets` has the codes that go left, of a node that asks about a category; −1 elsewhere. */
  readonly setAt: Int32Array
  /** Bitmaps of `wordsPerSet` words each. */
  readonly sets: Uint32Array
  /** What a leaf adds to the score; 0 elsewhere. */
  readonly value: Float32Array
  /** How many rows of training came by: the weights of a branch where its question is left open. */
  readonly cover: Float32Array
}

/** A set is of codes from 0 to 255. */
export const wordsPerSet = 8

/** Whether a value goes left at a node. A code that no set knows goes right. */
export function goesLeft(tree: Tree, node: number, x: number): boolean {
  if (x !== x) return tree.missingLeft[node] === 1
  const at = tree.setAt[node]!
  if (at < 0) return x <= tree.threshold[node]!
  return x >= 0 && x < wordsPerSet * 32 && (tree.sets[at + (x >>> 5)]! & (1 << (x & 31))) !== 0
}

/** The leaf that a row comes to. */
export function leafOf(tree: Tree, valueOf: (feature: number) => number): number {
  let node = 0
  while (tree.feature[node]! >= 0) {
    node = goesLeft(tree, node, valueOf(tree.feature[node]!)) ? tree.left[node]! : tree.right[node]!
  }
  return node
}

/** The bitmap of a set of codes. */
export function setOf(codes: Iterable<number>): Uint32Array {
  const words = new Uint32Array(wordsPerSet)
  for (const code of codes) words[code >>> 5]! |= 1 << (code & 31)
  return words
}
