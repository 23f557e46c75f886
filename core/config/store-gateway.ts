import { and, asc, eq, gt, ne, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { namedLimits, routes } from './schema.ts'

export type RouteRow = typeof routes.$inferSelect
export type NamedLimitRow = typeof namedLimits.$inferSelect

type Db = ControlDb | ControlTx

/** Changes of a workspace's routes and limits come one after the other: each looks at the others. */
export async function lockGateway(tx: ControlTx, workspace: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`gateway/${workspace}`}, 0))`)
}

export async function routeByName(db: Db, workspace: string, name: string): Promise<RouteRow | undefined> {
  const [row] = await db
    .select()
    .from(routes)
    .where(and(eq(routes.workspace, workspace), eq(routes.name, name)))
  return row
}

export async function routesOf(db: Db, workspace: string, limit: number, after = ''): Promise<RouteRow[]> {
  return db
    .select()
    .from(routes)
    .where(and(eq(routes.workspace, workspace), gt(routes.name, after)))
    .orderBy(asc(routes.name))
    .limit(limit)
}

/** Another route of the workspace that has the path already. */
export async function routeAt(db: Db, row: Pick<RouteRow, 'workspace' | 'path' | 'name'>): Promise<string | undefined> {
  const [found] = await db
    .select({ name: routes.name })
    .from(routes)
    .where(and(eq(routes.workspace, row.workspace), eq(routes.path, row.path), ne(routes.name, row.name)))
  return found?.name
}

export async function upsertRoute(db: Db, row: RouteRow): Promise<void> {
  await db
    .insert(routes)
    .values(row)
    .onConflictDoUpdate({ target: [routes.workspace, routes.name], set: row })
}

export async function deleteRouteRow(db: Db, workspace: string, name: string): Promise<boolean> {
  const gone = await db
    .delete(routes)
    .where(and(eq(routes.workspace, workspace), eq(routes.name, name)))
    .returning({ name: routes.name })
  return gone.length > 0
}

export async function sealedRoutes(db: Db): Promise<Pick<RouteRow, 'workspace' | 'name' | 'sealedHeaders'>[]> {
  return db
    .select({ workspace: routes.workspace, name: routes.name, sealedHeaders: routes.sealedHeaders })
    .from(routes)
    .where(ne(routes.sealedHeaders, ''))
}

/** Replaces it where it is still what was read. */
export async function setSealedHeaders(
  db: Db,
  row: Pick<RouteRow, 'workspace' | 'name' | 'sealedHeaders'>,
  sealed: string,
): Promise<void> {
  const { workspace, name, sealedHeaders } = row
  await db
    .update(routes)
    .set({ sealedHeaders: sealed })
    .where(and(eq(routes.workspace, workspace), eq(routes.name, name), eq(routes.sealedHeaders, sealedHeaders)))
}

export async function limitByName(db: Db, workspace: string, name: string): Promise<NamedLimitRow | undefined> {
  const [row] = await db
    .select()
    .from(namedLimits)
    .where(and(eq(namedLimits.workspace, workspace), eq(namedLimits.name, name)))
  return row
}

export async function limitsOf(db: Db, workspace: string, limit: number, after = ''): Promise<NamedLimitRow[]> {
  return db
    .select()
    .from(namedLimits)
    .where(and(eq(namedLimits.workspace, workspace), gt(namedLimits.name, after)))
    .orderBy(asc(namedLimits.name))
    .limit(limit)
}

export async function upsertLimit(db: Db, row: NamedLimitRow): Promise<void> {
  await db
    .insert(namedLimits)
    .values(row)
    .onConflictDoUpdate({ target: [namedLimits.workspace, namedLimits.name], set: row })
}

export async function deleteLimitRow(db: Db, workspace: string, name: string): Promise<boolean> {
  const gone = await db
    .delete(namedLimits)
    .where(and(eq(namedLimits.workspace, workspace), eq(namedLimits.name, name)))
    .returning({ name: namedLimits.name })
  return gone.length > 0
}
