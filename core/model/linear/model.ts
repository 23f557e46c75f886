/** Plain data. The score of output o is intercept + Σ weight × x over the columns. */
export interface LinearModel {
  /** 0: a regression, whose score is the answer. 2: the score of class 1, through a sigmoid. More: softmax over the scores. */
  readonly classes: number
  readonly penalty: Penalty
  /** Strength of the penalty on the sum of the loss over rows; of L1 as a share of that at which no column is left. */
  readonly lambda: number
  /** Of the matrix that it reads. */
  readonly names: readonly string[]
  /** [columns], over the rows of training: what contributions are counted from. */
  readonly means: Float32Array
  /** Row-major [outputs × columns]. */
  readonly weights: Float32Array
  /** [outputs]. */
  readonly intercepts: Float32Array
}

export type Penalty = 'l1' | 'l2'
