import { fromBinary } from '@bufbuild/protobuf'
import { readText } from '#mesh/inference/cells.ts'
import { labelCodesOf } from '#mesh/inference/graph.ts'
import { type ModelProto, ModelProtoSchema, type NodeProto } from '#proto/onnx/onnx_pb.ts'

export interface CodedFile {
  readonly model: ModelProto
  /** By input: what a label is to the model. */
  readonly codeOf: ReadonlyMap<string, (label: string) => number>
}

const float = 1

/**
 * The same model, but for labels: what its LabelEncoder
 * (https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html) would make of one, it is fed with. In a block of rows a
 * label stands once, so it is looked up once, by the same table; as a tensor of texts every row is an allocation and a search.
 */
export function codedFile(file: Uint8Array): CodedFile {
  const model = fromBinary(ModelProtoSchema, file)
  const inputs = new Map(model.graph?.input.map((input) => [input.name, input]))
  const codeOf = new Map<string, (label: string) => number>()
  for (const node of model.graph?.node ?? []) {
    const input = inputs.get(node.input[0] ?? '')
    if (node.opType !== 'LabelEncoder' || input?.type?.value.case !== 'tensorType') continue
    codeOf.set(input.name, encoderOf(node))
    input.type.value.value.elemType = float
    node.opType = 'Identity'
    node.domain = ''
    node.attribute = []
  }
  return { model, codeOf }
}

function encoderOf(node: NodeProto): (label: string) => number {
  const { codes, other } = labelCodesOf(node)
  // As for one row of JSON: blank is missing.
  return (label) => codes.get(readText(label) ?? '') ?? other
}
