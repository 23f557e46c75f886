import { fromBinary } from '@bufbuild/protobuf'
import * as ort from 'onnxruntime-web'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { walkTrees } from '#mesh/inference/walk.ts'
import { InputType, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { ModelProtoSchema } from '#proto/onnx/onnx_pb.ts'
import type { Table } from '../../core/model/table.ts'

ort.env.wasm.numThreads = 1

const missingTime = -9_223_372_036_854_775_808n

/** What a model's file says of raw rows, by its first output, as numbers: row-major. */
export async function runOnnx(onnx: Uint8Array, signature: Signature, table: Table): Promise<Float64Array> {
  const session = await ort.InferenceSession.create(onnx)
  try {
    const feeds = signature.inputs.map(({ name, type }) => [name, tensorOf(table, name, type)] as const)
    const outputs = await session.run(Object.fromEntries(feeds))
    const { data } = outputs[signature.outputs[0]!.name]!
    const said = Float64Array.from(data as Float32Array | BigInt64Array, Number)
    checkWalk(onnx, signature, table, said)
    return said
  } finally {
    await session.release()
  }
}

/** What is walked at the edge and in the core says the same, of every row that a test asks about. */
function checkWalk(onnx: Uint8Array, { inputs }: Signature, table: Table, expected: Float64Array): void {
  const session = walkTrees(fromBinary(ModelProtoSchema, onnx))
  if (session === undefined) return
  const feeds = inputs.map(({ name, type }) => {
    const { data, dims } = tensorOf(table, name, type)
    const kind = type === InputType.CATEGORY ? 'string' : 'float'
    return { name, type: kind, dims, data } as Tensor
  })
  for (const [at, value] of session.run(feeds)[0]!.data.entries()) {
    const apart = Math.abs(Number(value) - expected[at]!)
    if (apart > 1e-5 * Math.max(1, Math.abs(expected[at]!))) {
      throw new Error(`Walked, value ${at} is ${value}, and ONNX Runtime says ${expected[at]}.`)
    }
  }
}

function tensorOf(table: Table, name: string, type: InputType): ort.Tensor {
  const column = table.columns.find((one) => one.name === name)
  const dims = [table.rows, 1]
  if (column?.kind === 'category' && type === InputType.CATEGORY) {
    return new ort.Tensor(
      'string',
      Array.from(column.codes, (code) => column.labels[code] ?? ''),
      dims,
    )
  }
  if (column?.kind === 'time' && type === InputType.TIME) {
    const times = BigInt64Array.from(column.values, (ms) => (Number.isNaN(ms) ? missingTime : BigInt(Math.floor(ms))))
    return new ort.Tensor('int64', times, dims)
  }
  if (column?.kind === 'number' && type === InputType.NUMBER) {
    return new ort.Tensor('float32', Float32Array.from(column.values), dims)
  }
  throw new Error(`The table has no such column: ${name}.`)
}
