import { floats, likeliest, longs } from '#mesh/inference/answers.ts'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { BatchPlan, Output, RowsFormat } from './message.ts'
import { bytesOf } from './sink.ts'

/** What is written of a row, a character a byte. */
export type Cell = (row: number) => string

/** How the outputs of a call are written; the same answers as `answersFrom`, without an object for each. */
export function cellsOf(
  { kind, labels }: Pick<Signature, 'kind' | 'labels'>,
  { format, added }: Pick<BatchPlan, 'format' | 'added'>,
): (outputs: readonly Tensor[]) => readonly Cell[] {
  const names = labels.map((label) => bytesOf(textOf(format, label)))
  const number = (value: number): string => numberOf(format, value)

  function cell(outputs: readonly Tensor[], output: Output): Cell {
    if (kind === Kind.CLASSIFICATION) {
      const chances = floats(outputs, 'probabilities').data
      const best = (row: number): number => likeliest(chances, row * names.length, names.length)
      if (output === 'prediction') return (row) => names[best(row)]!
      return (row) => number(chances[row * names.length + best(row)]!)
    }
    if (kind === Kind.KMEANS && output === 'prediction') {
      const segments = longs(outputs, 'segment').data
      return (row) => names[Number(segments[row]!)] ?? number(Number(segments[row]!))
    }
    const values = floats(outputs, output).data
    return (row) => number(values[row]!)
  }

  return (outputs) => added.map(({ output }) => cell(outputs, output))
}

/** In CSV by RFC 4180, as the engine writes it: texts in quotes, numbers bare. */
export function textOf(format: RowsFormat, text: string): string {
  return format === 'CSVWithNames' ? `"${text.replaceAll('"', '""')}"` : JSON.stringify(text)
}

/** What is no number is null, as in every result. */
export function numberOf(format: RowsFormat, value: number): string {
  if (Number.isFinite(value)) return String(value)
  return format === 'CSVWithNames' ? '' : 'null'
}
