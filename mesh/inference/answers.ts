import { Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { FloatTensor, Int64Tensor, Tensor } from './tensor.ts'

/** What a model says of one row. */
export interface Answer {
  /** The number, the label, or the segment's name. */
  readonly prediction: number | string
  /** Of a classification: how likely the prediction is. */
  readonly probability?: number
  /** Of a classification, by label: where they are asked for. */
  readonly probabilities?: Readonly<Record<string, number>>
  /** Of a segment: from its centre, as the model scales columns. */
  readonly distance?: number
}

export interface AnswerOptions {
  readonly probabilities?: boolean
}

/** The outputs of a call, row by row. Throws where the file does not give what its signature says. */
export function answersFrom(outputs: readonly Tensor[], signature: Signature, options: AnswerOptions = {}): Answer[] {
  switch (signature.kind) {
    case Kind.REGRESSION:
      return Array.from(floats(outputs, 'prediction').data, (prediction) => ({ prediction }))
    case Kind.CLASSIFICATION:
      return classes(floats(outputs, 'probabilities').data, signature.labels, options)
    case Kind.KMEANS: {
      const distances = floats(outputs, 'distance').data
      return Array.from(longs(outputs, 'segment').data, (segment, row) => ({
        prediction: signature.labels[Number(segment)] ?? Number(segment),
        distance: distances[row]!,
      }))
    }
    default:
      throw new Error('The signature does not say what the model answers.')
  }
}

/** The label of a row whose chances begin at `start`: of those that are equally likely the first, as training counts. */
export function likeliest(chances: Float32Array, start: number, labels: number): number {
  let best = 0
  for (let at = 1; at < labels; at++) if (chances[start + at]! > chances[start + best]!) best = at
  return best
}

function classes(chances: Float32Array, labels: readonly string[], { probabilities }: AnswerOptions): Answer[] {
  const answers: Answer[] = []
  for (let start = 0; start < chances.length; start += labels.length) {
    const best = likeliest(chances, start, labels.length)
    answers.push({
      prediction: labels[best]!,
      probability: chances[start + best]!,
      ...(probabilities && {
        probabilities: Object.fromEntries(labels.map((label, at) => [label, chances[start + at]!])),
      }),
    })
  }
  return answers
}

/** An output by its name. Throws where it is not there, or of another type. */
export function floats(outputs: readonly Tensor[], name: string): FloatTensor {
  const found = outputs.find((output) => output.name === name)
  if (found?.type !== 'float') throw new Error(`The model gives no numbers as ${name}.`)
  return found
}

/** An output by its name. Throws where it is not there, or of another type. */
export function longs(outputs: readonly Tensor[], name: string): Int64Tensor {
  const found = outputs.find((output) => output.name === name)
  if (found?.type !== 'int64') throw new Error(`The model gives no whole numbers as ${name}.`)
  return found
}
