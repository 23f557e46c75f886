import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  AttributeProto_AttributeType as AttributeType,
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataType as DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '#proto/onnx/onnx_pb.ts'

/** A tensor in a graph, by its name there. */
export type Value = string & { readonly __value?: never }

export type ElementType = 'float' | 'double' | 'int64' | 'string' | 'bool'

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: Iterable<number> }
  | { readonly floats: Iterable<number> }
  | { readonly strings: Iterable<string> }
  | { readonly tensor: Constant; readonly dims: readonly number[] }

export type Constant = Float32Array | Float64Array | BigInt64Array | Uint8Array | readonly string[] | readonly boolean[]

interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** `ai.onnx.ml` for the operators of classical machine learning. */
  readonly domain?: '' | 'ai.onnx.ml'
}

export interface Graph {
  /** A column of what is sent: shape [rows, 1]. */
  input(name: string, type: ElementType): Value
  constant(elements: Constant, dims: readonly number[]): Value
  node(op: string, inputs: readonly Value[], options?: NodeOptions): Value
  /** An operator of several outputs. */
  nodeOf(outputs: number, op: string, inputs: readonly Value[], options?: NodeOptions): Value[]
  /** Shape [rows, columns]. */
  output(name: string, value: Value, type: ElementType, columns: number): void
  /** The file. The same calls give the same bytes. */
  bytes(metadata?: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer>
}

const elementTypes: Readonly<Record<ElementType, DataType>> = {
  float: DataType.FLOAT,
  double: DataType.DOUBLE,
  int64: DataType.INT64,
  string: DataType.STRING,
  bool: DataType.BOOL,
}

/** What ONNX Runtime 1.30 reads: operator sets 21 of ONNX (IR 10) and 5 of ONNX-ML. https://onnx.ai/onnx/repo-docs/Versioning.html */
const irVersion = 10n
const operatorSets = [
  { domain: '', version: 21n },
  { domain: 'ai.onnx.ml', version: 5n },
]

/** Writes an ONNX model, node by node. https://onnx.ai/onnx/repo-docs/IR.html */
export function createGraph(name: string): Graph {
  const nodes: MessageInitShape<typeof NodeProtoSchema>[] = []
  const initializers: MessageInitShape<typeof TensorProtoSchema>[] = []
  const inputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = []
  const outputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = []
  let values = 0

  function nodeOf(count: number, op: string, from: readonly Value[], options: NodeOptions = {}): Value[] {
    const made = Array.from({ length: count }, () => `/v${values++}`)
    nodes.push({
      opType: op,
      domain: options.domain ?? '',
      input: [...from],
      output: made,
      attribute: Object.entries(options.attributes ?? {}).map(([key, value]) => attributeProto(key, value)),
    })
    return made
  }

  return {
    input(column, type) {
      inputs.push(valueInfo(column, type, 1))
      return column
    },
    constant(elements, dims) {
      const value = `/c${initializers.length}`
      initializers.push({ ...tensorProto(elements, dims), name: value })
      return value
    },
    node: (op, from, options) => nodeOf(1, op, from, options)[0]!,
    nodeOf,
    output(as, value, type, columns) {
      nodes.push({ opType: 'Identity', domain: '', input: [value], output: [as] })
      outputs.push(valueInfo(as, type, columns))
    },
    bytes(metadata = {}) {
      const model = create(ModelProtoSchema, {
        irVersion,
        producerName: 'edgewise',
        opsetImport: operatorSets,
        graph: { name, node: nodes, initializer: initializers, input: inputs, output: outputs },
        metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      })
      return toBinary(ModelProtoSchema, model)
    },
  }
}

function valueInfo(name: string, type: ElementType, columns: number): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = [
    { value: { case: 'dimParam' as const, value: 'rows' } },
    { value: { case: 'dimValue' as const, value: BigInt(columns) } },
  ]
  return { name, type: { value: { case: 'tensorType', value: { elemType: elementTypes[type], shape: { dim } } } } }
}

function tensorProto(elements: Constant, dims: readonly number[]): MessageInitShape<typeof TensorProtoSchema> {
  const shape = dims.map(BigInt)
  if (elements instanceof Float32Array) return { dims: shape, dataType: DataType.FLOAT, rawData: bytesOf(elements) }
  if (elements instanceof Float64Array) return { dims: shape, dataType: DataType.DOUBLE, rawData: bytesOf(elements) }
  if (elements instanceof BigInt64Array) return { dims: shape, dataType: DataType.INT64, rawData: bytesOf(elements) }
  if (elements instanceof Uint8Array) return { dims: shape, dataType: DataType.UINT8, rawData: elements }
  if (typeof elements[0] === 'boolean') {
    return { dims: shape, dataType: DataType.BOOL, rawData: Uint8Array.from(elements as readonly boolean[], Number) }
  }
  return { dims: shape, dataType: DataType.STRING, stringData: (elements as readonly string[]).map(utf8) }
}

/** Little-endian, as ONNX has it and as every machine that Node runs on. */
function bytesOf(elements: Float32Array | Float64Array | BigInt64Array): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
}

function attributeProto(name: string, value: Attribute): MessageInitShape<typeof AttributeProtoSchema> {
  if ('int' in value) return { name, type: AttributeType.INT, i: BigInt(value.int) }
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float }
  if ('string' in value) return { name, type: AttributeType.STRING, s: utf8(value.string) }
  if ('ints' in value) return { name, type: AttributeType.INTS, ints: Array.from(value.ints, BigInt) }
  if ('floats' in value) return { name, type: AttributeType.FLOATS, floats: [...value.floats] }
  if ('strings' in value) return { name, type: AttributeType.STRINGS, strings: Array.from(value.strings, utf8) }
  return { name, type: AttributeType.TENSOR, t: tensorProto(value.tensor, value.dims) }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
