import * as ort from 'onnxruntime-web'
import { InputType, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
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
    return Float64Array.from(data as Float32Array | BigInt64Array, Number)
  } finally {
    await session.release()
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
