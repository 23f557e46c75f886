import type { Model } from '#mesh/inference/model.ts'
import { openModel } from '#mesh/inference/model.ts'
import { openOrt, type Ort } from '#mesh/inference/ort.ts'
import { readSignature } from '#mesh/inference/signature.ts'
import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { type Batches, openBatches } from './batch/threads.ts'
import type { ModelDeps } from './deps.ts'
import { readArtefact } from './serve.ts'

export interface LoadedModels {
  /** What `work`, which is synchronous, makes of the model in this file. */
  use<T>(sha256: string, work: (model: Model) => T): Promise<T>
  /** What the model in this file takes and answers. */
  signature(sha256: string): Promise<Signature>
  /** Rows of the warehouse, in a thread of its own. */
  readonly batches: Pick<Batches, 'run'>
  close(): Promise<void>
}

/** Small beside their files, and asked for more often. */
const maxSignatures = 200

/** Models that are ready to predict in this process: the least recently used goes first. */
export function openLoadedModels({ objects, limits }: Pick<ModelDeps, 'objects' | 'limits'>): LoadedModels {
  const read = (sha256: string): Promise<Uint8Array> => readArtefact({ objects }, sha256)
  let runtime: Promise<Ort> | undefined

  function ort(): Promise<Ort> {
    runtime ??= openOrt().catch((thrown: unknown) => {
      runtime = undefined
      throw thrown
    })
    return runtime
  }

  const models = createCache(
    limits.maxLoaded,
    async (sha256) => openModel(await read(sha256), ort),
    (model) => model.release(),
  )
  const signatures = openSignatures(read)
  const batches = openBatches({ read, maxThreads: limits.maxBatchThreads, maxModels: limits.maxLoaded })

  return {
    signature: signatures,
    batches,
    close: batches.close,
    async use(sha256, work) {
      const model = await models.get(sha256)
      try {
        return work(model)
      } catch (thrown) {
        // A trap leaves the runtime in no state to go on with: the next call begins with another.
        if (thrown instanceof Error && thrown.name === 'RuntimeError') {
          runtime = undefined
          models.clear()
        }
        throw thrown
      }
    },
  }
}

/** What models take and answer, by the hash of their files. */
export function openSignatures(read: (sha256: string) => Promise<Uint8Array>): LoadedModels['signature'] {
  return createCache(maxSignatures, async (sha256) => readSignature(await read(sha256))).get
}

/** What was loaded by its hash, the least recently used gone first. */
function createCache<T>(
  most: number,
  load: (sha256: string) => Promise<T>,
  release: (gone: T) => void = () => undefined,
) {
  const held = new Map<string, Promise<T>>()
  return {
    get(sha256: string): Promise<T> {
      let one = held.get(sha256)
      if (one === undefined) {
        one = load(sha256)
        // What could not be loaded is loaded again by whoever asks next.
        one.catch(() => held.delete(sha256))
      }
      held.delete(sha256)
      held.set(sha256, one)
      for (const [oldest, old] of held) {
        if (held.size <= most) break
        held.delete(oldest)
        old.then(release, () => undefined)
      }
      return one
    },
    clear: () => held.clear(),
  }
}
