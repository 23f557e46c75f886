import { type Input, InputType, Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { closest } from '../closest.ts'
import { Failure, type Violation } from '../errors.ts'
import type { Answer } from './answers.ts'
import { cellOf, isNumeric, readElements } from './elements.ts'
import { maxRows } from './feeds.ts'

/** Models in the words of the Open Inference Protocol, by REST and by gRPC. https://github.com/kserve/open-inference-protocol */

export interface NamedTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  /** Flat, or nested as the shape is; or bytes, as elements.ts has them. */
  readonly data: readonly unknown[] | Uint8Array
}

export interface OutputTensor extends NamedTensor {
  readonly data: readonly unknown[]
}

export interface WantedOutput {
  readonly name: string
  readonly parameters?: Readonly<Record<string, unknown>> | undefined
}

export const serverMetadata = { name: 'edgewise', version: '1', extensions: ['binary_tensor_data'] }

export const platform = 'onnx_onnxv1'

const maxProblems = 20

const datatypes = {
  [InputType.UNSPECIFIED]: 'BYTES',
  [InputType.NUMBER]: 'FP32',
  [InputType.CATEGORY]: 'BYTES',
  [InputType.TIME]: 'INT64',
} as const satisfies Record<InputType, string>

/** What a model takes and gives: a column each. */
export function metadataOf({ inputs, kind, labels }: Signature) {
  return {
    inputs: inputs.map((input) => ({ name: input.name, datatype: datatypeOf(input), shape: [-1, 1] })),
    outputs: outputsOf(kind, labels).map(({ name, datatype, width }) => ({ name, datatype, shape: [-1, width] })),
  }
}

function datatypeOf({ type }: Input): string {
  return datatypes[type as keyof typeof datatypes]
}

function outputsOf(kind: Kind, labels: readonly string[]) {
  if (kind === Kind.REGRESSION) return [{ name: 'prediction', datatype: 'FP32', width: 1 }]
  const prediction = { name: 'prediction', datatype: 'BYTES', width: 1 }
  if (kind === Kind.KMEANS) return [prediction, { name: 'distance', datatype: 'FP32', width: 1 }]
  return [prediction, { name: 'probabilities', datatype: 'FP32', width: labels.length }]
}

/** Tensors of columns as rows, which are then read as any rows are. */
export function rowsOf(tensors: readonly NamedTensor[], { inputs }: Signature): readonly Record<string, unknown>[] {
  const problems: Violation[] = tensors.length === 0 ? [{ pointer: '/inputs', reason: 'must not be empty' }] : []
  const known = new Map(inputs.map((input) => [input.name, input]))
  const columns = new Map<string, readonly unknown[]>()
  for (const [at, tensor] of tensors.entries()) {
    if (problems.length >= maxProblems) break
    const { name } = tensor
    const input = known.get(name)
    const found = columns.has(name)
      ? { field: 'name', reason: 'is there twice' }
      : input === undefined
        ? { field: 'name', reason: notThere(name, known.keys()) }
        : columnOf(tensor, input)
    if ('reason' in found) problems.push({ pointer: `/inputs/${at}/${found.field}`, reason: found.reason })
    else columns.set(name, found.cells)
  }
  const [rows = 0, ...others] = new Set(Array.from(columns.values(), (cells) => cells.length))
  if (others.length > 0) problems.push({ pointer: '/inputs', reason: 'must have as many rows each' })
  const [first] = problems
  // Clients of the protocol show this text, and no place beside it.
  if (first !== undefined) {
    throw new Failure('request.invalid', `${first.pointer} ${first.reason}.`, { errors: problems })
  }
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(Array.from(columns, ([name, cells]) => [name, cells[row]])),
  )
}

/** The cells of a column, or the field that is wrong. */
function columnOf(
  { datatype, shape: [count = 0, ...rest], data }: NamedTensor,
  input: Input,
): { readonly cells: readonly unknown[] } | { readonly field: string; readonly reason: string } {
  const wanted = datatypeOf(input)
  const fits = wanted === 'BYTES' ? datatype === 'BYTES' : isNumeric(datatype)
  if (!fits) return { field: 'datatype', reason: `must be ${wanted}` }
  if (rest.some((size) => size !== 1)) return { field: 'shape', reason: 'must be [rows, 1]' }
  if (count < 1 || count > maxRows) return { field: 'shape', reason: `must be of 1 to ${maxRows} rows` }
  const read = data instanceof Uint8Array ? readElements(data, datatype, count) : { elements: data.flat(Infinity) }
  if ('reason' in read) return { field: 'data', reason: read.reason }
  const { elements } = read
  if (elements.length !== count)
    return { field: 'data', reason: `has ${elements.length} elements, and the shape ${count}` }
  const cells = elements.map(cellOf)
  if (cells.includes(undefined)) return { field: 'data', reason: 'is not UTF-8' }
  return { cells }
}

function notThere(name: string, known: Iterable<string>): string {
  const near = closest(name, known)
  return `is not an input of the model${near === undefined ? '' : `; did you mean \`${near}\`?`}`
}

type Said = Partial<Pick<Answer, 'prediction' | 'distance' | 'probabilities'>>

/** Answers as tensors: those that were asked for, or where none were, all. */
export function tensorsOf(
  answers: readonly unknown[],
  { kind, labels }: Signature,
  wanted: readonly WantedOutput[] = [],
): readonly OutputTensor[] {
  const outputs = outputsOf(kind, labels)
  checkWanted(
    wanted,
    outputs.map(({ name }) => name),
  )
  const said = answers as readonly Said[]
  return outputs
    .filter(({ name }) => wanted.length === 0 || wanted.some((one) => one.name === name))
    .map(({ name, datatype, width }) => ({
      name,
      datatype,
      shape: [answers.length, width],
      data: said.flatMap((one) =>
        name === 'probabilities'
          ? labels.map((label) => one.probabilities?.[label] ?? 0)
          : [name === 'distance' ? one.distance : one.prediction],
      ),
    }))
}

function checkWanted(wanted: readonly WantedOutput[], known: readonly string[]): void {
  for (const [at, { name, parameters }] of wanted.entries()) {
    if (!known.includes(name)) {
      throw new Failure('request.invalid', `The model has no output \`${name.slice(0, 64)}\`.`, {
        hint: `It has ${known.join(', ')}.`,
        errors: [{ pointer: `/outputs/${at}/name`, reason: 'is not an output of the model' }],
      })
    }
    // It would be answered in another shape.
    if (parameters?.['classification'] !== undefined) {
      throw new Failure('request.invalid', 'The classification extension is not offered.', {
        hint: 'Ask for prediction, which is the likeliest class, or for probabilities.',
        errors: [{ pointer: `/outputs/${at}/parameters/classification`, reason: 'is not offered' }],
      })
    }
  }
}
