import { createModels } from '../../../edge/inference/models.ts'
import { openEdgeOrt } from '../../../edge/inference/ort.ts'
import type { Ort } from '#mesh/inference/ort.ts'

/** Predictions without the gateway around them: the models of FILES, by their hash. To test and to measure. */
interface Env {
  readonly FILES: Fetcher
}

let ort: Ort | undefined
let models: ReturnType<typeof createModels> | undefined

function createWorkerModels(files: Fetcher) {
  return createModels({
    load: async (hash) => new Uint8Array(await (await files.fetch(`http://files/${hash}`)).arrayBuffer()),
    openOrt: async () => (ort = await openEdgeOrt()),
    now: () => Date.now(),
  })
}

/** `POST /{hash}` with `{rows}`; `GET /` tells how much memory ONNX Runtime has. */
export async function inferenceFetch(request: Request, env: Env, background: ExecutionContext): Promise<Response> {
  const hash = request.url.slice(request.url.lastIndexOf('/') + 1)
  if (hash === '') return Response.json({ bytes: ort?.HEAPU8.byteLength ?? 0 })
  models ??= createWorkerModels(env.FILES)
  try {
    const { rows } = await request.json<{ rows: unknown[] }>()
    return Response.json(await models.use(hash, { background }, (model) => model.predict(rows)))
  } catch (thrown) {
    const { message, cause } = thrown as Error
    return new Response(`${message} ${String(cause)}`, { status: 500 })
  }
}
