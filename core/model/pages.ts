import { authorise, type Context } from '../context.ts'
import { cursorOf, pageLimit, pageOf } from '../page.ts'
import type { ModelDeps } from './deps.ts'
import { getModel, noModel } from './names.ts'
import { findVersion, listModels, listVersions, type ModelRow, type VersionRow } from './store.ts'

type Deps = Pick<ModelDeps, 'db'>

interface PageInput {
  readonly limit: number
  readonly cursor: string
}

/** The workspace's models, by name. */
export async function modelsPage({ db }: Deps, ctx: Context, input: PageInput) {
  authorise(ctx, 'models:read')
  const limit = pageLimit(input.limit)
  const after = cursorOf(input.cursor, /^[a-z][a-z0-9_]{0,47}$/)
  const rows = await listModels(db, ctx.actor.workspace, { after, limit: limit + 1 })
  return pageOf(rows, limit, ({ name }) => name)
}

/** A model's versions, newest first. */
export async function versionsPage({ db }: Deps, ctx: Context, input: PageInput & { readonly name: string }) {
  authorise(ctx, 'models:read')
  const limit = pageLimit(input.limit)
  const model = await getModel(db, ctx.actor.workspace, input.name)
  const below = Number(cursorOf(input.cursor, /^\d{1,9}$/) || 2 ** 31 - 1)
  const rows = await listVersions(db, ctx.actor.workspace, input.name, { below, limit: limit + 1 })
  return { model, ...pageOf(rows, limit, ({ version }) => String(version)) }
}

export async function oneModel({ db }: Deps, ctx: Context, name: string): Promise<ModelRow> {
  authorise(ctx, 'models:read')
  return getModel(db, ctx.actor.workspace, name)
}

/** A version with its card; 0 is the live one, or the newest where none is. */
export async function oneVersion(
  { db }: Deps,
  ctx: Context,
  { name, version }: { readonly name: string; readonly version: number },
): Promise<{ readonly model: ModelRow; readonly version: VersionRow }> {
  const model = await oneModel({ db }, ctx, name)
  const wanted = version || model.live || model.newest
  const found = await findVersion(db, ctx.actor.workspace, name, wanted)
  if (found === undefined) throw noModel(name, wanted)
  return { model, version: found }
}
