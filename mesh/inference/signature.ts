import { fromJsonString } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { type Signature, SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'

/** `ModelProto.metadata_props` and `StringStringEntryProto`: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const metadataField = 14
const keyField = 1
const valueField = 2

/** The signature of an ONNX file of ours, without reading its graph. Throws where there is none. */
export function readSignature(file: Uint8Array): Signature {
  for (const entry of fieldsOf(file, metadataField)) {
    const [key] = fieldsOf(entry, keyField)
    const [value] = fieldsOf(entry, valueField)
    if (key === undefined || value === undefined || text(key) !== 'signature') continue
    // A later version may say more.
    return fromJsonString(SignatureSchema, text(value), { ignoreUnknownFields: true })
  }
  throw new Error('The ONNX file has no signature: it is none of ours.')
}

/** Every occurrence of a length-delimited field of a message. */
function* fieldsOf(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === wanted && wireType === WireType.LengthDelimited) yield reader.bytes()
    else reader.skip(wireType, field)
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
