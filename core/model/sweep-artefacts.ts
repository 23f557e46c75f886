import type { ModelDeps } from './deps.ts'
import { artefactKey } from './names.ts'
import { isInUse } from './store.ts'

/** A file that is put again is a new one: what a training is about to name is never older. */
const keptMs = 3_600_000

/** Deletes files that no version has any more, and what a crash left half written. */
export async function sweepArtefacts({ db, objects, now }: Pick<ModelDeps, 'db' | 'objects' | 'now'>): Promise<void> {
  const before = now() - keptMs
  await objects.dropParts(before)
  for await (const { key, modifiedMs } of objects.list(artefactKey(''))) {
    if (modifiedMs < before && !(await isInUse(db, key.slice(artefactKey('').length)))) await objects.delete(key)
  }
}
