import type { ModelDeps } from './deps.ts'
import { readForecast } from './forecast/artefact.ts'
import type { ForecastModel } from './forecast/train.ts'
import { readArtefact } from './serve.ts'

export type LoadedForecasts = (sha256: string) => Promise<ForecastModel>

interface Loaded {
  readonly model: ForecastModel
  readonly bytes: number
}

/** Of all files together, but for the one that was asked for last; in memory they are several times as large. */
const maxBytes = 16 * 1024 ** 2

/** Forecasts as they were read last: to read one takes longer than all that is asked of it. The least recently used goes first. */
export function openLoadedForecasts({ objects }: Pick<ModelDeps, 'objects'>): LoadedForecasts {
  const loaded = new Map<string, Loaded>()
  const loading = new Map<string, Promise<Loaded>>()

  async function read(sha256: string): Promise<Loaded> {
    const file = await readArtefact({ objects }, sha256)
    return { model: readForecast(file), bytes: file.length }
  }

  /** Once for all who ask at the same time. */
  function load(sha256: string): Promise<Loaded> {
    const held = loading.get(sha256)
    if (held !== undefined) return held
    const begun = read(sha256).finally(() => loading.delete(sha256))
    loading.set(sha256, begun)
    return begun
  }

  return async (sha256) => {
    const found = loaded.get(sha256) ?? (await load(sha256))
    loaded.delete(sha256)
    loaded.set(sha256, found)
    let held = 0
    for (const { bytes } of loaded.values()) held += bytes
    for (const [oldest, { bytes }] of loaded) {
      if (held <= maxBytes || loaded.size === 1) break
      loaded.delete(oldest)
      held -= bytes
    }
    return found.model
  }
}
