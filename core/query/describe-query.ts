import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import { authorise, type Context } from '../context.ts'
import type { ControlDb } from '../storage/control.ts'
import { findQuery, type StoredQuery } from './store.ts'

/** What an edge must know to serve a query. Who may only call it does not see its text. */
export async function describeQuery(
  { db }: { readonly db: ControlDb },
  ctx: Context,
  { name, version }: { readonly name: string; readonly version: number },
): Promise<StoredQuery> {
  const { scopes, workspace } = ctx.actor
  const reads = allows(scopes, 'queries:read') || allows(scopes, 'queries:write')
  if (!reads) authorise(ctx, 'endpoints:read', name)
  const query = await findQuery(db, workspace, name, version)
  if (query === undefined) throw noQuery(name, version)
  return reads ? query : { ...query, definition: { ...query.definition, sql: '' } }
}

export function noQuery(name: string, version: number): Failure {
  const which = version === 0 ? '' : `version ${version} of `
  return new Failure('resource.not_found', `There is no ${which}query \`${name.slice(0, 64)}\`.`, {
    hint: 'GET /v1/queries lists what is published.',
  })
}
