import { Failure, type Violation } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { InputType, Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'

/** A tensor of the Open Inference Protocol as JSON. https://github.com/open-inference/open-inference-protocol */
export interface NamedTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  /** Flat, or nested as the shape is. */
  readonly data: readonly unknown[]
}

const datatypes = {
  [InputType.UNSPECIFIED]: 'BYTES',
  [InputType.NUMBER]: 'FP32',
  [InputType.CATEGORY]: 'BYTES',
  [InputType.TIME]: 'INT64',
} as const satisfies Record<InputType, string>

const numbers = /^(?:FP16|FP32|FP64|U?INT(?:8|16|32|64)|BOOL)$/

/** What a model takes and gives, in the protocol's words: a column each. */
export function metadataOf({ inputs, kind, labels }: Signature) {
  return {
    inputs: inputs.map(({ name, type }) => ({
      name,
      datatype: datatypes[type as keyof typeof datatypes],
      shape: [-1, 1],
    })),
    outputs: outputsOf(kind, labels).map(({ name, datatype, width }) => ({ name, datatype, shape: [-1, width] })),
  }
}

function outputsOf(kind: Kind, labels: readonly string[]) {
  if (kind === Kind.REGRESSION) return [{ name: 'prediction', datatype: 'FP32', width: 1 }]
  const prediction = { name: 'prediction', datatype: 'BYTES', width: 1 }
  if (kind === Kind.KMEANS) return [prediction, { name: 'distance', datatype: 'FP32', width: 1 }]
  return [prediction, { name: 'probabilities', datatype: 'FP32', width: labels.length }]
}

/** Tensors of columns as rows, which are then read as any rows are. */
export function rowsOf(tensors: readonly NamedTensor[], { inputs }: Signature): readonly Record<string, unknown>[] {
  const problems: Violation[] = []
  const known = new Map(inputs.map((input) => [input.name, input]))
  const columns: { readonly name: string; readonly cells: readonly unknown[] }[] = []
  for (const [at, { name, datatype, shape, data }] of tensors.entries()) {
    const refuse = (field: string, reason: string): void =>
      void problems.push({ pointer: `/inputs/${at}/${field}`, reason })
    const input = known.get(name)
    if (input === undefined) {
      const near = closest(name, known.keys())
      refuse('name', `is not an input of the model${near === undefined ? '' : `; did you mean \`${near}\`?`}`)
      continue
    }
    const wanted = datatypes[input.type as keyof typeof datatypes]
    const fits = wanted === 'BYTES' ? datatype === 'BYTES' : numbers.test(datatype)
    if (!fits) refuse('datatype', `must be ${wanted}`)
    const cells = data.flat(Infinity)
    const [count = 0, ...rest] = shape
    if (rest.some((size) => size !== 1)) refuse('shape', 'must be [rows, 1]')
    if (cells.length !== count) refuse('data', `has ${cells.length} elements, and the shape ${count}`)
    columns.push({ name, cells })
  }
  const rows = columns[0]?.cells.length ?? 0
  if (columns.some(({ cells }) => cells.length !== rows))
    problems.push({ pointer: '/inputs', reason: 'must have as many rows each' })
  if (problems.length > 0) {
    throw new Failure('request.invalid', 'The tensors are not what the model takes.', { errors: problems.slice(0, 20) })
  }
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(columns.map(({ name, cells }) => [name, cells[row]])),
  )
}

interface Said {
  readonly prediction?: unknown
  readonly distance?: unknown
  readonly probabilities?: Readonly<Record<string, number>>
}

/** Answers as the protocol's tensors: those that were asked for, or all. */
export function tensorsOf(
  answers: readonly unknown[],
  { kind, labels }: Signature,
  wanted: readonly string[] | undefined,
): NamedTensor[] {
  const outputs = outputsOf(kind, labels)
  const missing = wanted?.find((name) => outputs.every((output) => output.name !== name))
  if (missing !== undefined) {
    throw new Failure('request.invalid', `The model has no output \`${missing.slice(0, 64)}\`.`, {
      hint: `It has ${outputs.map(({ name }) => name).join(', ')}.`,
      errors: [{ pointer: '/outputs', reason: 'names an output that is not there' }],
    })
  }
  const said = answers as readonly Said[]
  return outputs
    .filter(({ name }) => wanted === undefined || wanted.includes(name))
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
