import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { writeElements } from '#mesh/inference/elements.ts'
import {
  metadataOf,
  type NamedTensor,
  type OutputTensor,
  platform,
  serverMetadata,
} from '#mesh/inference/open-inference.ts'
import type { Service } from '#mesh/rpc/call.ts'
import {
  type GRPCInferenceService,
  type InferTensorContents,
  type InferTensorContentsSchema,
  ModelInferResponseSchema,
  type ModelInferRequest,
  ModelMetadataResponseSchema,
  ModelReadyResponseSchema,
  ServerLiveResponseSchema,
  ServerMetadataResponseSchema,
  ServerReadyResponseSchema,
} from '#proto/inference/inference_pb.ts'
import { contextOf } from '../context.ts'
import { findSignature, infer } from './infer.ts'
import type { PredictDeps } from './predict.ts'
import type { Recording } from './record-served.ts'
import { provenance } from './serve.ts'

/** The Open Inference Protocol over gRPC, so that clients of KServe and Triton work. */
export function inferenceService(deps: PredictDeps & Recording): Service<typeof GRPCInferenceService> {
  return {
    serverLive: async () => create(ServerLiveResponseSchema, { live: true }),
    // One that drains takes no calls, so nobody is told that it is not.
    serverReady: async () => create(ServerReadyResponseSchema, { ready: true }),
    serverMetadata: async () => create(ServerMetadataResponseSchema, serverMetadata),
    async modelReady({ name, version }, call) {
      await findSignature(deps, contextOf(call), { name, version: versionOf(version) })
      return create(ModelReadyResponseSchema, { ready: true })
    },
    async modelMetadata({ name, version }, call) {
      const found = await findSignature(deps, contextOf(call), { name, version: versionOf(version) })
      const { inputs, outputs } = metadataOf(found.signature)
      return create(ModelMetadataResponseSchema, {
        name,
        versions: [String(found.served.version.version)],
        platform,
        inputs: inputs.map(sized),
        outputs: outputs.map(sized),
      })
    },
    async modelInfer(request, call) {
      const { modelName: name, modelVersion, id, outputs } = request
      const input = { name, version: versionOf(modelVersion), inputs: inputsOf(request), outputs }
      const { served, tensors } = await infer(deps, contextOf(call), input)
      call.trailers.set('edgewise-model', provenance(served, 'core'))
      // As the question is written, so is the answer.
      const raw = request.rawInputContents.length > 0
      return create(ModelInferResponseSchema, {
        modelName: name,
        modelVersion: String(served.version.version),
        id,
        outputs: tensors.map((tensor) => ({ ...sized(tensor), ...(!raw && { contents: contentsOf(tensor) }) })),
        rawOutputContents: raw ? tensors.map(({ datatype, data }) => writeElements(datatype, data)) : [],
      })
    },
  }
}

function versionOf(text: string): number {
  if (text === '') return 0
  const version = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Infinity
  if (version <= 0x7fff_ffff) return version
  throw new Failure('request.invalid', 'A version is a number from 1.', {
    errors: [{ pointer: 'version', reason: 'must be a number from 1, or empty: the live one' }],
  })
}

function sized({ name, datatype, shape }: Pick<NamedTensor, 'name' | 'datatype' | 'shape'>) {
  return { name, datatype, shape: shape.map(BigInt) }
}

function inputsOf({ inputs, rawInputContents: raw }: ModelInferRequest): readonly NamedTensor[] {
  if (raw.length > 0 && (raw.length !== inputs.length || inputs.some(({ contents }) => contents !== undefined))) {
    throw new Failure('request.invalid', 'The inputs are raw neither all nor none.', {
      errors: [{ pointer: '/raw_input_contents', reason: 'must be one for each input, and then none has contents' }],
    })
  }
  return inputs.map(({ name, datatype, shape, contents }, at) => ({
    name,
    datatype,
    shape: shape.map(Number),
    data: raw[at] ?? elementsOf(datatype, contents),
  }))
}

function elementsOf(datatype: string, contents: InferTensorContents | undefined): readonly unknown[] {
  const field = fields.get(datatype)
  return field === undefined || contents === undefined ? [] : contents[field]
}

type Field = Exclude<keyof InferTensorContents, `$${string}`>

const fields: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['BOOL', 'boolContents'],
  ['INT8', 'intContents'],
  ['INT16', 'intContents'],
  ['INT32', 'intContents'],
  ['INT64', 'int64Contents'],
  ['UINT8', 'uintContents'],
  ['UINT16', 'uintContents'],
  ['UINT32', 'uintContents'],
  ['UINT64', 'uint64Contents'],
  ['FP32', 'fp32Contents'],
  ['FP64', 'fp64Contents'],
  ['BYTES', 'bytesContents'],
])

/** What models say is FP32 or BYTES. */
function contentsOf({ datatype, data }: OutputTensor): MessageInitShape<typeof InferTensorContentsSchema> {
  if (datatype === 'FP32') return { fp32Contents: data.map(Number) }
  return { bytesContents: data.map((text) => new TextEncoder().encode(String(text))) }
}
