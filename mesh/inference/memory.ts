import type { Ort } from './ort.ts'

/** The memory of the WebAssembly instance, by what is read and written there. */
export interface Memory {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly floats: Float32Array
  readonly longs: BigInt64Array
}

/** Memory that grows is another buffer: views are asked for again after every call that may allocate. */
export function memoryOf(ort: Ort): () => Memory {
  let memory = viewsOf(ort.HEAPU8.buffer)
  return () => {
    const { buffer } = ort.HEAPU8
    if (memory.bytes.buffer !== buffer) memory = viewsOf(buffer)
    return memory
  }
}

function viewsOf(buffer: ArrayBufferLike): Memory {
  return {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    floats: new Float32Array(buffer),
    longs: new BigInt64Array(buffer),
  }
}

/** Throws where there is no room: ONNX Runtime answers with address 0. */
export function allocate(ort: Ort, bytes: number): number {
  const address = ort._malloc(bytes) >>> 0
  if (address === 0) throw new Error(`ONNX Runtime has no room for ${bytes} bytes.`)
  return address
}
