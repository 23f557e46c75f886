import { expect, test } from 'vitest'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { Kind } from '#proto/edgewise/model/v1/signature_pb.ts'
import { cellsOf } from '../../../../core/model/batch/cells.ts'
import type { Output, RowsFormat } from '../../../../core/model/batch/message.ts'

const floats = (name: string, ...data: number[]): Tensor => ({
  name,
  type: 'float',
  dims: [data.length, 1],
  data: Float32Array.from(data),
})

function written(kind: Kind, labels: readonly string[], format: RowsFormat, outputs: Tensor[], ...of: Output[]) {
  const cells = cellsOf({ kind, labels: [...labels] }, { format, added: of.map((output) => ({ name: '', output })) })
  return [0, 1].map((row) => cells(outputs).map((cell) => Buffer.from(cell(row), 'latin1').toString()))
}

test('a regression is its number, and what is none is null', () => {
  const outputs = [floats('prediction', 0.5, Number.NaN)]
  expect(written(Kind.REGRESSION, [], 'JSON', outputs, 'prediction')).toEqual([['0.5'], ['null']])
  expect(written(Kind.REGRESSION, [], 'CSVWithNames', outputs, 'prediction')).toEqual([['0.5'], ['']])
})

test('a classification is its likeliest label, of equals the first, as each format writes texts', () => {
  const outputs = [floats('probabilities', 0.25, 0.75, 0.5, 0.5)]
  const labels = ['"größer"', 'b']
  expect(written(Kind.CLASSIFICATION, labels, 'JSON', outputs, 'prediction', 'probability')).toEqual([
    ['"b"', '0.75'],
    ['"\\"größer\\""', '0.5'],
  ])
  expect(written(Kind.CLASSIFICATION, labels, 'CSVWithNames', outputs, 'prediction')).toEqual([
    ['"b"'],
    ['"""größer"""'],
  ])
})

test('a segment is its name, or its number where it has none', () => {
  const segments: Tensor = { name: 'segment', type: 'int64', dims: [2, 1], data: BigInt64Array.of(0n, 1n) }
  const outputs = [segments, floats('distance', 0.5, 2)]
  expect(written(Kind.KMEANS, ['loyal'], 'JSON', outputs, 'prediction', 'distance')).toEqual([
    ['"loyal"', '0.5'],
    ['1', '2'],
  ])
})
