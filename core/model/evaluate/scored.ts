/** Rows of which it is known what is true and what a model says. */
export interface Scored {
  /** [rows]: of a regression the number, of classes the class's place among the labels. */
  readonly actual: Float64Array
  /** Of a regression [rows]; of classes their probabilities, row-major [rows × classes]. */
  readonly outputs: Float64Array
  /** 0: a regression. */
  readonly classes: number
}

/** The class that is the most probable, the first of equals, of each row. */
export function mostProbable(outputs: Float64Array, classes: number): Float64Array {
  const codes = new Float64Array(outputs.length / classes)
  for (let row = 0; row < codes.length; row++) {
    let best = 0
    for (let code = 1; code < classes; code++) {
      if (outputs[row * classes + code]! > outputs[row * classes + best]!) best = code
    }
    codes[row] = best
  }
  return codes
}

/** The probabilities of one class, [rows]. */
export function ofClass(outputs: Float64Array, classes: number, code: number): Float64Array {
  return Float64Array.from({ length: outputs.length / classes }, (_, row) => outputs[row * classes + code]!)
}

/** The rows named, in that order. */
export function someOf({ actual, outputs, classes }: Scored, rows: Int32Array): Scored {
  const width = Math.max(1, classes)
  const some = new Float64Array(rows.length * width)
  for (const [to, from] of rows.entries()) some.set(outputs.subarray(from * width, (from + 1) * width), to * width)
  return { actual: Float64Array.from(rows, (row) => actual[row]!), outputs: some, classes }
}
