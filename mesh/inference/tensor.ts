/** A tensor beside its name, as the Open Inference Protocol has it. Row by row; `dims` multiply to the length of `data`. */
export type Tensor = FloatTensor | Int64Tensor | StringTensor

interface Shaped {
  readonly name: string
  readonly dims: readonly number[]
}

export interface FloatTensor extends Shaped {
  readonly type: 'float'
  readonly data: Float32Array
}

export interface Int64Tensor extends Shaped {
  readonly type: 'int64'
  readonly data: BigInt64Array
}

export interface StringTensor extends Shaped {
  readonly type: 'string'
  readonly data: readonly string[]
}

/** ONNX's TensorProto.DataType. */
export const elementTypes = { float: 1, int64: 7, string: 8 } as const
