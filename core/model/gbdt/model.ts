import type { Tree } from '#mesh/inference/trees.ts'

export type Objective =
  | { readonly kind: 'regression' }
  | { readonly kind: 'binary' }
  /** The target is a class, 0 to `classes` − 1. */
  | { readonly kind: 'multiclass'; readonly classes: number }

export interface GbdtTree extends Tree {
  /** What the split of a node gained; 0 at a leaf. */
  readonly gain: Float32Array
}

/** Plain data: it can be sent between threads as it is. */
export interface GbdtModel {
  readonly objective: Objective
  /** The columns of the matrix, in its order. */
  readonly features: readonly string[]
  /** Raw score before any tree: one a class, or one. Rounded to float32. */
  readonly base: Float32Array
  /** Tree i adds to the raw score i modulo `base.length`. */
  readonly trees: readonly GbdtTree[]
  /** Mean loss on the rows of validation after each round, also of those that were given up. */
  readonly losses: readonly number[]
}
