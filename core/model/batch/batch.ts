import { toBinary } from '@bufbuild/protobuf'
import type { Ort } from '#mesh/inference/ort.ts'
import { createSession, type Session } from '#mesh/inference/session.ts'
import { readSignature } from '#mesh/inference/signature.ts'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { walkTrees } from '#mesh/inference/walk.ts'
import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { ModelProtoSchema } from '#proto/onnx/onnx_pb.ts'
import { cellsOf } from './cells.ts'
import { type CodedFile, codedFile } from './coded-file.ts'
import type { BatchPlan } from './message.ts'
import { type Block, createBlockReader, type NativeColumn } from './native.ts'
import { createRowWriter } from './row-writer.ts'

/** A model's file at work on blocks of rows. */
export interface BlockModel {
  readonly signature: Signature
  readonly session: Session
  readonly codeOf: CodedFile['codeOf']
}

/** Rows on their way through a model: each call answers what there is of the answer by then. */
export interface Batch {
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer>[]
  end(): Uint8Array<ArrayBuffer>[]
}

/** In one call of the model: what it makes of them is still in the processor's cache when it is written. */
const chunkRows = 2_048

export async function openBlockModel(file: Uint8Array, openOrt: () => Promise<Ort>): Promise<BlockModel> {
  const { model, codeOf } = codedFile(file)
  const session = walkTrees(model) ?? createSession(await openOrt(), toBinary(ModelProtoSchema, model))
  return { signature: readSignature(file), session, codeOf }
}

export function createBatch({ signature, session, codeOf }: BlockModel, plan: BatchPlan): Batch {
  const reader = createBlockReader({ maxBytes: plan.maxBlockBytes })
  const writer = createRowWriter(plan)
  const cells = cellsOf(signature, plan)

  function predict({ rows, columns: [own, ...inputs] }: Block): void {
    if (own?.kind !== 'text') throw new Error('The rows are not written.')
    const columns = signature.inputs.map(({ name }, at) => tensorOf(name, inputs[at]!, codeOf))
    for (let from = 0; from < rows; from += chunkRows) {
      const count = Math.min(chunkRows, rows - from)
      const outputs = session.run(columns.map((column) => part(column, from, count)))
      writer.write(own, from, count, cells(outputs))
    }
  }

  return {
    push(bytes) {
      for (const block of reader.push(bytes)) predict(block)
      return writer.take()
    },
    end() {
      reader.end()
      writer.end()
      return writer.take()
    },
  }
}

type NumericTensor = Exclude<Tensor, { readonly type: 'string' }>

function tensorOf(name: string, column: NativeColumn, codeOf: CodedFile['codeOf']): NumericTensor {
  switch (column.kind) {
    case 'float':
      return { name, type: 'float', dims: [column.values.length, 1], data: column.values }
    case 'int64':
      return { name, type: 'int64', dims: [column.values.length, 1], data: column.values }
    default: {
      const encode = codeOf.get(name)
      if (encode === undefined || column.kind === 'text') throw new Error(`The model takes no labels as ${name}.`)
      const codes = Float32Array.from(column.labels, encode)
      const data = new Float32Array(column.codes.length)
      for (let row = 0; row < data.length; row++) data[row] = codes[column.codes[row]!]!
      return { name, type: 'float', dims: [data.length, 1], data }
    }
  }
}

function part(tensor: NumericTensor, from: number, count: number): NumericTensor {
  const dims = [count, 1]
  if (tensor.type === 'float') return { ...tensor, dims, data: tensor.data.subarray(from, from + count) }
  return { ...tensor, dims, data: tensor.data.subarray(from, from + count) }
}
