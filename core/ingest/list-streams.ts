import { allows } from '#mesh/scopes.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Deps } from './deps.ts'
import type { StreamView } from './put-stream.ts'
import { streamsAfter } from './store.ts'

/** The streams that the caller may see, by name. */
export async function listStreams(
  deps: Deps,
  ctx: Context,
  input: { readonly limit: number; readonly cursor: string },
): Promise<{ readonly streams: readonly StreamView[]; readonly nextCursor: string }> {
  const only = visible(ctx)
  const limit = pageLimit(input.limit)
  const rows = await streamsAfter(deps.db, ctx.actor.workspace, { limit: limit + 1, after: input.cursor, only })
  const page = rows.slice(0, limit).map((row) => ({ ...row, definition: row }))
  return { streams: page, nextCursor: rows.length > limit ? (page.at(-1)?.name ?? '') : '' }
}

/** Names that bound the list: those of narrowed scopes, those of filters, or both; undefined for all. */
function visible(ctx: Context): string[] | undefined {
  const { scopes, filters } = ctx.actor
  const filtered = filters.length === 0 ? undefined : filters.map((filter) => filter.stream)
  if (allows(scopes, 'streams:read')) return filtered
  const named = scopes.filter((scope) => scope.startsWith('streams:read:')).map((scope) => scope.split(':')[2] ?? '')
  if (named.length === 0) authorise(ctx, 'streams:read')
  return named.filter((name) => filtered?.includes(name) ?? true)
}
