import { type Link, origin } from '../chain.ts'
import { type Seal, SealError } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { allHeads, type HeadRow, setPrunedSeal } from './store.ts'

/** What precedes the first entry that is left, so that it can be read and not made by whoever can write the store only. */
export function sealAnchor(seal: Seal, workspace: string, { seq, hash }: Link): string {
  return seal.seal(placeOf(workspace), `${seq}:${hash}`)
}

/** The one that was sealed; without it the chain begins at its origin, and what is missing from there on is missing. */
export function anchorOf(seal: Seal, { workspace, prunedSeq, prunedHash, prunedSeal }: HeadRow): Link {
  if (prunedSeal === '') return origin
  try {
    const same = seal.open(placeOf(workspace), prunedSeal) === `${prunedSeq}:${prunedHash}`
    return same ? { seq: prunedSeq, hash: prunedHash } : origin
  } catch (error) {
    if (error instanceof SealError) return origin
    throw error
  }
}

/** Puts them under the current master key. */
export async function resealAnchors({ db, seal }: { readonly db: ControlDb; readonly seal: Seal }): Promise<void> {
  for (const head of await allHeads(db)) {
    if (head.prunedSeal === '' || anchorOf(seal, head) === origin) continue
    const sealed = seal.rewrap(placeOf(head.workspace), head.prunedSeal)
    if (sealed !== head.prunedSeal) await setPrunedSeal(db, head, sealed)
  }
}

function placeOf(workspace: string): string {
  return `audit_anchor/${workspace}`
}
