import type { Seal } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { secretPlace } from './put-issuer.ts'
import { signingKeyPlace } from './signing.ts'
import { sealedSecrets, setSealed } from './store-sealed.ts'

/**
 * Puts every secret of the domain under the current master key; answers how many were not. Ended half-way it is done
 * again: each secret opens with one of the keys at every moment. Throws a SealError where none of them opens one.
 */
export async function reseal({ db, seal }: { readonly db: ControlDb; readonly seal: Seal }): Promise<number> {
  let moved = 0
  for (const row of await sealedSecrets(db)) {
    const sealed = seal.rewrap(placeOf(row), row.sealed)
    // One that was replaced meanwhile is under the current key already.
    if (sealed !== row.sealed && (await setSealed(db, row, sealed))) moved++
  }
  return moved
}

function placeOf({ kind, workspace, id }: Awaited<ReturnType<typeof sealedSecrets>>[number]): string {
  if (kind === 'signing_key') return signingKeyPlace(id)
  return kind === 'issuer' ? secretPlace(workspace, id) : `totp/${id}`
}
