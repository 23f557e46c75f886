import type { ModelProto } from '#proto/onnx/onnx_pb.ts'
import { createForest } from './forest.ts'
import { makersOf } from './graph.ts'
import { openMatrix } from './matrix.ts'
import { readTrees } from './read-trees.ts'
import type { Session } from './session.ts'

/** What becomes of raw scores [rows, scores], which may be overwritten: [rows, columns]. */
type Link = (scores: Float32Array, count: number) => Float32Array

/**
 * A graph that is trees on numbers and labels, walked: what ONNX Runtime answers but for rounding, in a fraction of its
 * time, and without loading it. Undefined of any other graph.
 */
export function walkTrees(model: ModelProto): Session | undefined {
  const ensemble = readTrees(model)
  const matrix = ensemble && openMatrix(model, ensemble.matrix)
  const answer = ensemble && answerOf(model, ensemble.scores)
  if (matrix === undefined || answer === undefined) return undefined
  const { name, link } = answer
  const forest = createForest(ensemble!, matrix.columns)
  const count = ensemble!.base.length
  const inputs = model.graph!.input.map((input) => input.name)
  return {
    inputs,
    outputs: [name],
    run(feeds) {
      if (feeds.length !== inputs.length) throw new Error(`The model takes ${inputs.length} inputs.`)
      const { rows, data } = matrix.of(feeds)
      const said = link(forest(data, rows), count)
      return [{ name, type: 'float', dims: [rows, said.length / rows], data: said }]
    },
    release() {},
  }
}

/** Of the one output: its name, and how it is made of the scores. */
function answerOf(model: ModelProto, scores: string): { readonly name: string; readonly link: Link } | undefined {
  const makers = makersOf(model)
  const [output, another] = model.graph?.output ?? []
  if (output === undefined || another !== undefined) return undefined
  let value = output.name
  while (makers.get(value)?.opType === 'Identity') value = makers.get(value)!.input[0]!
  if (value === scores) return { name: output.name, link: (said) => said }
  const last = makers.get(value)
  if (last?.opType === 'Softmax' && last.input[0] === scores) return { name: output.name, link: softmax }
  const [no = '', yes = ''] = last?.input ?? []
  const [isNo, isYes] = [makers.get(no), makers.get(yes)]
  const isBinary =
    last?.opType === 'Concat' &&
    isYes?.opType === 'Sigmoid' &&
    isYes.input[0] === scores &&
    isNo?.opType === 'Sub' &&
    isNo.input[1] === yes
  return isBinary ? { name: output.name, link: chances } : undefined
}

/** Of log-odds: how likely the first and the second class are. */
function chances(scores: Float32Array): Float32Array {
  const said = new Float32Array(2 * scores.length)
  for (let row = 0; row < scores.length; row++) {
    const yes = Math.fround(1 / (1 + Math.exp(-scores[row]!)))
    said[2 * row] = 1 - yes
    said[2 * row + 1] = yes
  }
  return said
}

function softmax(scores: Float32Array, count: number): Float32Array {
  for (let from = 0; from < scores.length; from += count) {
    const row = scores.subarray(from, from + count)
    const most = Math.max(...row)
    let sum = 0
    for (const score of row) sum += Math.exp(score - most)
    for (let at = 0; at < count; at++) row[at] = Math.exp(row[at]! - most) / sum
  }
  return scores
}
