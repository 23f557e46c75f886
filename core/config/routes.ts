import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Seal } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { type GatewayDeps, headersPlace } from './put-route.ts'
import { insertChange } from './store.ts'
import {
  deleteRouteRow,
  routeByName,
  type RouteRow,
  routesOf,
  sealedRoutes,
  setSealedHeaders,
} from './store-gateway.ts'

export async function getRoute({ db }: GatewayDeps, ctx: Context, name: string): Promise<RouteRow> {
  authorise(ctx, 'routes:admin', name)
  const row = await routeByName(db, ctx.actor.workspace, name)
  if (row === undefined) throw noRoute(name)
  return row
}

export async function listRoutes(
  { db }: GatewayDeps,
  ctx: Context,
  request: { readonly limit: number; readonly cursor: string },
): Promise<{ readonly rows: readonly RouteRow[]; readonly nextCursor: string }> {
  authorise(ctx, 'routes:admin')
  const limit = pageLimit(request.limit)
  const rows = await routesOf(db, ctx.actor.workspace, limit + 1, request.cursor)
  const more = rows.length > limit
  return { rows: rows.slice(0, limit), nextCursor: more ? (rows[limit - 1]?.name ?? '') : '' }
}

export async function deleteRoute({ db }: GatewayDeps, ctx: Context, name: string): Promise<void> {
  authorise(ctx, 'routes:admin', name)
  const { workspace } = ctx.actor
  await db.transaction(async (tx) => {
    if (!(await deleteRouteRow(tx, workspace, name))) throw noRoute(name)
    await insertChange(tx, { kind: 'route', workspace, name })
    await record(tx, ctx, { action: 'delete_route', resource: `route/${name}` })
  })
}

/** Puts the headers of every route under the current master key. */
export async function resealRoutes({ db, seal }: { readonly db: ControlDb; readonly seal: Seal }): Promise<void> {
  for (const row of await sealedRoutes(db)) {
    const sealed = seal.rewrap(headersPlace(row.workspace, row.name), row.sealedHeaders)
    if (sealed !== row.sealedHeaders) await setSealedHeaders(db, row, sealed)
  }
}

function noRoute(name: string): Failure {
  return new Failure('resource.not_found', `There is no route \`${name.slice(0, 64)}\`.`)
}
