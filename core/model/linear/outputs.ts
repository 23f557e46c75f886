import type { Dense } from '../features/dense.ts'
import { clip } from './clip.ts'
import type { LinearModel } from './model.ts'

/** What the model says of rows: of a regression [rows]; of classes their probabilities, row-major [rows × classes]. */
export function linearOutputs(model: LinearModel, { rows, names, values }: Dense): Float64Array {
  const { classes, weights, intercepts } = model
  const columns = names.length
  const width = Math.max(1, classes)
  const outputs = new Float64Array(rows * width)
  const scores = new Float64Array(intercepts.length)
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < scores.length; output++) {
      let score = intercepts[output]!
      for (let i = 0; i < columns; i++) score += weights[output * columns + i]! * clip(values[row * columns + i]!)
      scores[output] = score
    }
    write(scores, classes, outputs.subarray(row * width, (row + 1) * width))
  }
  return outputs
}

function write(scores: Float64Array, classes: number, to: Float64Array): void {
  if (classes === 0) {
    to[0] = scores[0]!
    return
  }
  if (classes === 2) {
    const one = 1 / (1 + Math.exp(-scores[0]!))
    to[0] = 1 - one
    to[1] = one
    return
  }
  const most = scores.reduce((one, other) => Math.max(one, other), -Infinity)
  let total = 0
  for (let code = 0; code < classes; code++) total += to[code] = Math.exp(scores[code]! - most)
  for (let code = 0; code < classes; code++) to[code]! /= total
}
