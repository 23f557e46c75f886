import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Deps } from './deps.ts'
import { type KeyRow, keysOf } from './store.ts'

/** The keys of the caller's workspace, newest first. */
export async function listKeys(
  deps: Deps,
  ctx: Context,
  input: { readonly limit: number; readonly cursor: string },
): Promise<{ readonly rows: readonly KeyRow[]; readonly nextCursor: string }> {
  authorise(ctx, 'keys:admin')
  const limit = pageLimit(input.limit)
  const rows = await keysOf(deps.db, ctx.actor.workspace, limit + 1, input.cursor)
  const page = rows.slice(0, limit)
  return { rows: page, nextCursor: rows.length > limit ? (page.at(-1)?.id ?? '') : '' }
}
