import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Failure } from '#mesh/errors.ts'
import { metadataOf, type NamedTensor, rowsOf, tensorsOf } from '#mesh/inference/open-inference.ts'
import { InputType, Kind, SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'

const signature = create(SignatureSchema, {
  kind: Kind.CLASSIFICATION,
  labels: ['no', 'yes'],
  inputs: [
    { name: 'tenure', type: InputType.NUMBER },
    { name: 'plan', type: InputType.CATEGORY },
    { name: 'joined', type: InputType.TIME },
  ],
})
const tenure: NamedTensor = { name: 'tenure', datatype: 'FP32', shape: [2, 1], data: [1, 2] }

function refusalOf(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (thrown) {
    return (thrown as Failure).errors
  }
}

describe('tensors', () => {
  test('become rows: flat, nested or as bytes, and what is not a number is missing', () => {
    const tensors: NamedTensor[] = [
      { ...tenure, data: Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f) },
      { name: 'plan', datatype: 'BYTES', shape: [2], data: [['free'], [new TextEncoder().encode('pro')]] },
      { name: 'joined', datatype: 'INT64', shape: [2, 1], data: [5n, -(2n ** 63n)] },
    ]
    expect(rowsOf(tensors, signature)).toEqual([
      { tenure: 1, plan: 'free', joined: 5 },
      { tenure: null, plan: 'pro', joined: null },
    ])
  })

  test.each<[string, readonly NamedTensor[], object]>([
    ['nothing', [], { pointer: '/inputs', reason: 'must not be empty' }],
    ['twice', [tenure, tenure], { pointer: '/inputs/1/name', reason: 'is there twice' }],
    ['unknown', [{ ...tenure, name: 'tenur' }], { pointer: '/inputs/0/name' }],
    ['no number', [{ ...tenure, datatype: 'BYTES' }], { pointer: '/inputs/0/datatype', reason: 'must be FP32' }],
    ['no type', [{ ...tenure, datatype: 'constructor' }], { pointer: '/inputs/0/datatype' }],
    ['wide', [{ ...tenure, shape: [1, 2] }], { pointer: '/inputs/0/shape', reason: 'must be [rows, 1]' }],
    ['long', [{ ...tenure, shape: [1_001, 1] }], { pointer: '/inputs/0/shape', reason: 'must be of 1 to 1000 rows' }],
    ['negative', [{ ...tenure, shape: [-1, 1] }], { pointer: '/inputs/0/shape' }],
    ['not a size', [{ ...tenure, shape: [Number.NaN, 1] }], { pointer: '/inputs/0/data' }],
    ['without a shape', [{ ...tenure, shape: [] }], { pointer: '/inputs/0/shape' }],
    ['short', [{ ...tenure, data: [1] }], { pointer: '/inputs/0/data', reason: 'has 1 elements, and the shape 2' }],
    ['cut off', [{ ...tenure, data: Uint8Array.of(1) }], { pointer: '/inputs/0/data' }],
    [
      'no text',
      [{ name: 'plan', datatype: 'BYTES', shape: [1], data: [Uint8Array.of(0xff)] }],
      { pointer: '/inputs/0/data', reason: 'is not UTF-8' },
    ],
    [
      'of other rows',
      [tenure, { name: 'plan', datatype: 'BYTES', shape: [1], data: ['x'] }],
      { pointer: '/inputs', reason: 'must have as many rows each' },
    ],
  ])('that are %s are refused with their place', (_, tensors, problem) => {
    expect(refusalOf(() => rowsOf(tensors, signature))).toEqual([expect.objectContaining(problem)])
  })

  test('that are wrong by the thousand are refused by the first of them', () => {
    const wrong = Array.from({ length: 5_000 }, (_, at) => ({ ...tenure, name: `f${at}` }))
    expect(refusalOf(() => rowsOf(wrong, signature))).toHaveLength(20)
  })
})

describe('answers', () => {
  const answers = [{ prediction: 'yes', probability: 0.75, probabilities: { no: 0.25, yes: 0.75 } }]

  test('become the tensors that the metadata names', () => {
    const tensors = tensorsOf(answers, signature)
    expect(tensors).toEqual([
      { name: 'prediction', datatype: 'BYTES', shape: [1, 1], data: ['yes'] },
      { name: 'probabilities', datatype: 'FP32', shape: [1, 2], data: [0.25, 0.75] },
    ])
    expect(metadataOf(signature).outputs.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name))
  })

  test('are those that were asked for', () => {
    expect(tensorsOf(answers, signature, [{ name: 'probabilities' }])).toMatchObject([{ name: 'probabilities' }])
    expect(refusalOf(() => tensorsOf(answers, signature, [{ name: 'probability' }]))).toMatchObject([
      { pointer: '/outputs/0/name' },
    ])
    const classified = { name: 'probabilities', parameters: { classification: 1 } }
    expect(refusalOf(() => tensorsOf(answers, signature, [classified]))).toMatchObject([
      { pointer: '/outputs/0/parameters/classification', reason: 'is not offered' },
    ])
  })
})
