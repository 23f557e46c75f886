/**
 * ONNX Runtime as WebAssembly, by the C API that its JavaScript wraps (onnxruntime, js/web/lib/wasm/wasm-types.ts, 1.30).
 * The wrapper awaits between the tensors of one call while their addresses lie on the stack that all calls share, so two
 * calls at once spoil each other; it also costs four times as much for twenty columns. Called directly a run is synchronous.
 */
export interface Ort {
  readonly HEAPU8: Uint8Array
  _malloc(bytes: number): number
  _free(address: number): void
  stackSave(): number
  stackRestore(stack: number): void
  stackAlloc(bytes: number): number
  UTF8ToString(address: number): string
  lengthBytesUTF8(text: string): number
  /** Writes the text and a zero; answers how many bytes, without the zero. */
  stringToUTF8(text: string, address: number, maxBytes: number): number

  _OrtInit(threads: number, logLevel: number): number
  _OrtGetLastError(code: number, message: number): number
  _OrtFree(address: number): number
  _OrtCreateSessionOptions(
    optimization: number,
    arena: boolean,
    memoryPattern: boolean,
    executionMode: number,
    profiling: boolean,
    profilePrefix: number,
    logId: number,
    logSeverity: number,
    logVerbosity: number,
    optimizedPath: number,
  ): number
  _OrtReleaseSessionOptions(options: number): number
  _OrtCreateSession(model: number, bytes: number, options: number): number
  _OrtReleaseSession(session: number): number
  _OrtGetInputOutputCount(session: number, inputs: number, outputs: number): number
  _OrtGetInputOutputMetadata(session: number, index: number, name: number, metadata: number): number
  _OrtCreateTensor(type: number, address: number, bytes: number, dims: number, rank: number, location: number): number
  _OrtGetTensorData(tensor: number, type: number, address: number, dims: number, rank: number): number
  _OrtReleaseTensor(tensor: number): number
  _OrtCreateRunOptions(logSeverity: number, logVerbosity: number, terminate: boolean, tag: number): number
  _OrtReleaseRunOptions(options: number): number
  _OrtRun(
    session: number,
    inputNames: number,
    inputs: number,
    inputCount: number,
    outputNames: number,
    outputCount: number,
    outputs: number,
    options: number,
  ): number
}

interface Loading {
  readonly numThreads: number
  instantiateWasm?(imports: object, done: (instance: unknown) => void): void
}

export interface OrtOptions {
  /** An instance of `ort-wasm-simd-threaded.wasm`. Without it the file is read, as Node can. */
  readonly instantiate?: (imports: object) => unknown
}

/** Errors only, by ONNX Runtime's levels. */
export const logSeverity = 3

/** Costs a third of a second: once for each isolate or thread, and only where something is predicted. */
export async function openOrt({ instantiate }: OrtOptions = {}): Promise<Ort> {
  // @ts-expect-error It has no types.
  const { default: load } = (await import('onnxruntime-web/ort-wasm-simd-threaded.mjs')) as {
    default: (loading: Loading) => Promise<Ort>
  }
  const ort = await load({
    numThreads: 1,
    ...(instantiate && { instantiateWasm: (imports, done) => done(instantiate(imports)) }),
  })
  if (ort._OrtInit(1, logSeverity) !== 0) throw ortError(ort, 'ONNX Runtime does not start')
  return ort
}

/** What ONNX Runtime says of its last call. */
export function ortError(ort: Ort, what: string): Error {
  const stack = ort.stackSave()
  try {
    const at = ort.stackAlloc(8)
    ort._OrtGetLastError(at, at + 4)
    const message = new Uint32Array(ort.HEAPU8.buffer, at + 4, 1)[0] ?? 0
    return new Error(`${what}: ${message === 0 ? 'no reason given' : ort.UTF8ToString(message)}`)
  } finally {
    ort.stackRestore(stack)
  }
}
