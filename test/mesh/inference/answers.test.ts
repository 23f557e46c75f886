import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { answersFrom } from '#mesh/inference/answers.ts'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { Kind, SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'

const regression = create(SignatureSchema, { kind: Kind.REGRESSION })

function floats(name: string, dims: readonly number[], ...data: number[]): Tensor {
  return { name, type: 'float', dims, data: Float32Array.from(data) }
}

test('a regression predicts its number', () => {
  expect(answersFrom([floats('prediction', [2, 1], 1.5, -2)], regression)).toEqual([
    { prediction: 1.5 },
    { prediction: -2 },
  ])
})

test('a classification predicts the likeliest label, of equals the first, and all of them where asked', () => {
  const outputs = [floats('probabilities', [2, 3], 0.25, 0.5, 0.25, 0.5, 0, 0.5)]
  const three = create(SignatureSchema, { kind: Kind.CLASSIFICATION, labels: ['a', '__proto__', 'c'] })
  expect(answersFrom(outputs, three)).toEqual([
    { prediction: '__proto__', probability: 0.5 },
    { prediction: 'a', probability: 0.5 },
  ])
  const [first] = answersFrom(outputs, three, { probabilities: true })
  expect(Object.entries(first?.probabilities ?? {})).toEqual([
    ['a', 0.25],
    ['__proto__', 0.5],
    ['c', 0.25],
  ])
})

test('a segment is told by its name, or by its number where it has none', () => {
  const outputs: Tensor[] = [
    { name: 'segment', type: 'int64', dims: [2, 1], data: BigInt64Array.of(0n, 1n) },
    floats('distance', [2, 1], 0.5, 2),
  ]
  expect(answersFrom(outputs, create(SignatureSchema, { kind: Kind.KMEANS, labels: ['loyal'] }))).toEqual([
    { prediction: 'loyal', distance: 0.5 },
    { prediction: 1, distance: 2 },
  ])
})

test('a file that does not give what its signature says is a bug', () => {
  expect(() => answersFrom([], regression)).toThrow('no numbers as prediction')
})
