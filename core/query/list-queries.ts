import { authorise, type Context } from '../context.ts'
import { cursorOf, pageLimit, pageOf } from '../page.ts'
import type { ControlDb } from '../storage/control.ts'
import { noQuery } from './describe-query.ts'
import { listLive, listVersions, type StoredQuery } from './store.ts'

export interface Page {
  readonly queries: readonly StoredQuery[]
  readonly nextCursor: string
}

/** Published queries of the workspace, by name. */
export async function listQueries(
  { db }: { readonly db: ControlDb },
  ctx: Context,
  input: { readonly limit: number; readonly cursor: string },
): Promise<Page> {
  authorise(ctx, 'queries:read')
  const limit = pageLimit(input.limit)
  const rows = await listLive(db, ctx.actor.workspace, cursorOf(input.cursor, /^[a-z][a-z0-9_]{0,47}$/), limit + 1)
  return queriesOf(pageOf(rows, limit, (last) => last.name))
}

/** Versions of a published query, newest first. */
export async function listQueryVersions(
  { db }: { readonly db: ControlDb },
  ctx: Context,
  input: { readonly name: string; readonly limit: number; readonly cursor: string },
): Promise<Page> {
  authorise(ctx, 'queries:read')
  const limit = pageLimit(input.limit)
  const below = Number(cursorOf(input.cursor, /^\d{1,9}$/) || 2 ** 31 - 1)
  const rows = await listVersions(db, ctx.actor.workspace, input.name, below, limit + 1)
  if (rows.length === 0 && input.cursor === '') throw noQuery(input.name, 0)
  return queriesOf(pageOf(rows, limit, (last) => String(last.version)))
}

function queriesOf({ rows: queries, nextCursor }: ReturnType<typeof pageOf<StoredQuery>>): Page {
  return { queries, nextCursor }
}
