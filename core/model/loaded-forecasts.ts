import type { ModelDeps } from './deps.ts'
import { readForecast } from './forecast/artefact.ts'
import type { ForecastModel } from './forecast/train.ts'
import { readArtefact } from './serve.ts'

export type LoadedForecasts = (sha256: string) => Promise<ForecastModel>

/** Of all files together; in memory they are several times as large. */
const maxBytes = 16 * 1024 ** 2

/** Forecasts as they were read last: to read one takes longer than all that is asked of it. The least recently used goes first. */
export function openLoadedForecasts({ objects }: Pick<ModelDeps, 'objects'>): LoadedForecasts {
  const loaded = new Map<string, { readonly model: ForecastModel; readonly bytes: number }>()

  return async (sha256) => {
    let found = loaded.get(sha256)
    if (found === undefined) {
      const file = await readArtefact({ objects }, sha256)
      found = { model: readForecast(file), bytes: file.length }
    }
    loaded.delete(sha256)
    loaded.set(sha256, found)
    let held = 0
    for (const { bytes } of loaded.values()) held += bytes
    for (const [oldest, { bytes }] of loaded) {
      if (held <= maxBytes) break
      loaded.delete(oldest)
      held -= bytes
    }
    return found.model
  }
}
