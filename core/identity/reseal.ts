import { itself, record } from '../audit/index.ts'
import type { Seal } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { totpPlace } from './own-account.ts'
import { secretPlace } from './put-issuer.ts'
import { signingKeyPlace } from './signing.ts'
import { sealedSecrets, setSealed } from './store-sealed.ts'

/**
 * Puts every secret of the domain under the current master key; answers how many were not. All of
 * them or none, and done again after whatever ended it: each opens with one of the keys at every moment. Throws a SealError where none of them opens one.
 */
export async function reseal({ db, seal }: { readonly db: ControlDb; readonly seal: Seal }): Promise<number> {
  return db.transaction(async (tx) => {
    let moved = 0
    for (const row of await sealedSecrets(tx)) {
      const sealed = seal.rewrap(placeOf(row), row.sealed)
      // One that was replaced meanwhile is under the current key already.
      if (sealed !== row.sealed && (await setSealed(tx, row, sealed))) moved++
    }
    const change = { action: 'rotate_master_key', resource: 'master_key', detail: { secrets: moved } }
    if (moved > 0) await record(tx, itself(), change)
    return moved
  })
}

function placeOf({ kind, workspace, id }: Awaited<ReturnType<typeof sealedSecrets>>[number]): string {
  if (kind === 'signing_key') return signingKeyPlace(id)
  return kind === 'issuer' ? secretPlace(workspace, id) : totpPlace(id)
}
