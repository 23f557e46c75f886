import type { Model } from '#mesh/inference/model.ts'
import { openModel } from '#mesh/inference/model.ts'
import { openOrt, type Ort } from '#mesh/inference/ort.ts'
import type { ModelDeps } from './deps.ts'
import { readArtefact } from './serve.ts'

export interface LoadedModels {
  /** What `work`, which is synchronous, makes of the model in this file. */
  use<T>(sha256: string, work: (model: Model) => T): Promise<T>
}

/** Models that are ready to predict in this process: the least recently used goes first. */
export function openLoadedModels({ objects, limits }: Pick<ModelDeps, 'objects' | 'limits'>): LoadedModels {
  const models = new Map<string, Promise<Model>>()
  let runtime: Promise<Ort> | undefined

  function ort(): Promise<Ort> {
    runtime ??= openOrt().catch((thrown: unknown) => {
      runtime = undefined
      throw thrown
    })
    return runtime
  }

  async function load(sha256: string): Promise<Model> {
    const [file, opened] = await Promise.all([readArtefact({ objects }, sha256), ort()])
    return openModel(opened, file)
  }

  function get(sha256: string): Promise<Model> {
    let model = models.get(sha256)
    if (model === undefined) {
      model = load(sha256)
      // What could not be loaded is loaded again by whoever asks next.
      model.catch(() => models.delete(sha256))
    }
    models.delete(sha256)
    models.set(sha256, model)
    for (const [oldest, old] of models) {
      if (models.size <= limits.maxLoaded) break
      models.delete(oldest)
      old.then(
        (gone) => gone.release(),
        () => undefined,
      )
    }
    return model
  }

  return {
    async use(sha256, work) {
      const model = await get(sha256)
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
