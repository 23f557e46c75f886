import { allows } from '#mesh/scopes.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Deps } from './deps.ts'
import { workspacesAfter, type WorkspaceRow } from './store.ts'

/** The workspaces that the caller administers: all for the installation's administrator, else its own. */
export async function listWorkspaces(
  deps: Deps,
  ctx: Context,
  input: { readonly limit: number; readonly cursor: string },
): Promise<{ readonly rows: readonly WorkspaceRow[]; readonly nextCursor: string }> {
  const all = allows(ctx.actor.scopes, 'workspaces:admin')
  if (!all) authorise(ctx, 'workspace:admin')
  const limit = pageLimit(input.limit)
  const rows = await workspacesAfter(deps.db, limit + 1, input.cursor, all ? undefined : [ctx.actor.workspace])
  const page = rows.slice(0, limit)
  return { rows: page, nextCursor: rows.length > limit ? (page.at(-1)?.name ?? '') : '' }
}
