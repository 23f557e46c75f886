import { pruneAction } from '../chain.ts'
import type { Seal } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { sealAnchor } from './anchor.ts'
import { itself, record } from './record.ts'
import { allHeads, deleteThrough, lastBefore } from './store.ts'

/**
 * Removes entries of before a time from the front of each chain. What the last of them was is said by a new entry, which
 * the chain itself holds fast: so what is left still verifies, and nothing else can have been removed.
 */
export async function prune(
  { db, seal }: { readonly db: ControlDb; readonly seal: Seal },
  before: Date,
): Promise<void> {
  for (const { workspace, shippedSeq, seq } of await allHeads(db)) {
    const last = await lastBefore(db, workspace, before, workspace === '' ? seq : shippedSeq)
    if (last === undefined) continue
    await db.transaction(async (tx) => {
      if (!(await deleteThrough(tx, workspace, last, sealAnchor(seal, workspace, last)))) return
      const detail = { through: last.seq, hash: last.hash }
      await record(tx, itself(workspace), { action: pruneAction, resource: 'audit', detail })
    })
  }
}
