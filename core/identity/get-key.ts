import { Failure } from '#mesh/errors.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { keyById, type KeyRow } from './store.ts'

/** One key of the caller's workspace. */
export async function getKey(deps: Deps, ctx: Context, id: string): Promise<KeyRow> {
  authorise(ctx, 'keys:admin')
  const row = await keyById(deps.db, ctx.actor.workspace, id)
  if (row === undefined) throw new Failure('resource.not_found', 'There is no key of this id.')
  return row
}
