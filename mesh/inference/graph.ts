import type { ModelProto, NodeProto } from '#proto/onnx/onnx_pb.ts'

/** By the name of each value in a graph: the node that makes it. */
export function makersOf({ graph }: ModelProto): ReadonlyMap<string, NodeProto> {
  return new Map(graph?.node.flatMap((node) => node.output.map((output) => [output, node] as const)))
}

/** What a label is to a model: its code, or that of all that are not known. */
export interface LabelCodes {
  readonly codes: ReadonlyMap<string, number>
  readonly other: number
}

const utf8 = new TextDecoder()

/** The table of a LabelEncoder: https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html */
export function labelCodesOf({ attribute }: NodeProto): LabelCodes {
  const named = (name: string) => attribute.find((one) => one.name === name)
  const values = named('values_floats')?.floats ?? []
  return {
    codes: new Map(named('keys_strings')?.strings.map((key, at) => [utf8.decode(key), values[at]!])),
    other: named('default_float')?.f ?? 0,
  }
}
