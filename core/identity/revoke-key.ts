import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { lockKey, type KeyRow, setRevoked } from './store.ts'

/** Ends a key for good. Revoking it again changes nothing. */
export async function revokeKey(deps: Deps, ctx: Context, id: string): Promise<KeyRow> {
  authorise(ctx, 'keys:admin')
  const { workspace } = ctx.actor
  const revoked = await deps.db.transaction(async (tx) => {
    const row = await lockKey(tx, workspace, id)
    if (row === undefined) throw new Failure('resource.not_found', 'There is no key of this id.')
    if (row.revokedAt !== null) return row
    const changed = await setRevoked(tx, workspace, id, new Date(deps.now()))
    await recordChange(tx, { kind: 'key', workspace, name: id })
    await record(tx, ctx, { action: 'revoke_key', resource: `key/${id}`, detail: { name: row.name } })
    return changed ?? row
  })
  deps.forget()
  return revoked
}
