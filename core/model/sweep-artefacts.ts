import type { ModelDeps } from './deps.ts'
import { isInUse } from './store.ts'

/** A file that is put again is a new one: what a training is about to name is never older. */
const keptMs = 3_600_000

/** Deletes files that no version has any more, and what a crash left half written. */
export async function sweepArtefacts({ db, objects, now }: Pick<ModelDeps, 'db' | 'objects' | 'now'>): Promise<void> {
  for (const folder of ['models/', 'parts/']) {
    for await (const { key, modifiedMs } of objects.list(folder)) {
      if (now() - modifiedMs < keptMs) continue
      if (folder === 'models/' && (await isInUse(db, key.slice(folder.length)))) continue
      await objects.delete(key)
    }
  }
}
