import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { mintKey } from './mint.ts'
import { excesses } from './narrow.ts'
import { insertKey, lockKey, type KeyRow, setReplaced } from './store.ts'

const longestGraceSeconds = 30 * 86_400

/** Another key that can do the same; the old one ends after the grace period, in which both hold. */
export async function rerollKey(
  deps: Deps,
  ctx: Context,
  { id, graceSeconds }: { readonly id: string; readonly graceSeconds: number },
): Promise<{ readonly row: KeyRow; readonly text: string }> {
  authorise(ctx, 'keys:admin')
  if (graceSeconds > longestGraceSeconds) {
    throw new Failure('request.invalid', 'The grace period is too long.', {
      errors: [{ pointer: '/grace_s', reason: `must be at most ${longestGraceSeconds}` }],
    })
  }
  const { workspace } = ctx.actor
  const { text, row } = mintKey(deps.now())
  const now = deps.now()
  const made = await deps.db.transaction(async (tx) => {
    const old = await lockKey(tx, workspace, id)
    if (old === undefined) throw new Failure('resource.not_found', 'There is no key of this id.')
    const ended = old.revokedAt !== null || (old.expiresAt !== null && old.expiresAt.getTime() <= now)
    if (ended || old.replacedBy !== null) {
      throw new Failure('resource.not_found', 'The key has ended, or was replaced already.', {
        hint: 'Make a new one.',
      })
    }
    const errors = excesses({ ...old, expiresAt: old.expiresAt ?? undefined }, ctx.actor)
    if (errors.length > 0) throw new Failure('auth.scope', 'This key can do more than you.', { errors })
    const { createdAt: _, usedAt: __, ...same } = old
    const stored = await insertKey(tx, { ...same, ...row, createdBy: ctx.actor.id })
    if (stored === undefined) throw new Error('two keys have the same hash')
    await setReplaced(tx, workspace, id, stored.id, new Date(now + graceSeconds * 1000))
    await recordChange(tx, { kind: 'key', workspace, name: id })
    const detail = { by: stored.id, grace_s: graceSeconds }
    await record(tx, ctx, { action: 'reroll_key', resource: `key/${id}`, detail })
    return stored
  })
  deps.forget()
  return { row: made, text }
}
