/** One column of the matrix that a trainer sees: made of a raw column, in the ONNX graph as in training. */
export interface Feature {
  /** `signed_up.weekday`, or the raw column's own name. */
  readonly name: string
  /** One a row, NaN where it is missing; of a category its code, 0 to `labels.length` − 1. */
  readonly values: Float32Array
  /** Present where it is a category. */
  readonly labels?: readonly string[]
}
