import { openOrt, type Ort } from '#mesh/inference/ort.ts'

/**
 * ONNX Runtime in an isolate. workerd compiles only modules that came with the Worker; imported where it is first needed,
 * it costs the isolates nothing that never predict.
 */
export async function openEdgeOrt(): Promise<Ort> {
  // @ts-expect-error wrangler makes a module of it (wrangler.toml, infra/workerd.capnp).
  const { default: wasm } = (await import('onnxruntime-web/ort-wasm-simd-threaded.wasm')) as {
    default: WebAssembly.Module
  }
  return openOrt({ instantiate: (imports) => new WebAssembly.Instance(wasm, imports as WebAssembly.Imports) })
}
