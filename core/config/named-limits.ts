import { Failure, type Violation } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import { checkName } from './names.ts'
import type { GatewayDeps } from './put-route.ts'
import { insertChange } from './store.ts'
import { deleteLimitRow, limitByName, limitsOf, lockGateway, type NamedLimitRow, upsertLimit } from './store-gateway.ts'

/** Edges hold all limits of a workspace that they serve. */
export const maxLimits = 500

export async function putLimit(
  { db }: GatewayDeps,
  ctx: Context,
  input: Omit<NamedLimitRow, 'workspace'>,
): Promise<NamedLimitRow> {
  authorise(ctx, 'limits:admin', input.name)
  checkName(input.name, '/name')
  const errors: Violation[] = []
  if (input.requests < 1 || input.requests > 1_000_000_000) {
    errors.push({ pointer: '/requests', reason: 'must be 1 to 1000000000' })
  }
  if (input.windowSeconds < 1 || input.windowSeconds > 86_400) {
    errors.push({ pointer: '/window_s', reason: 'must be 1 to 86400' })
  }
  if (input.burst > input.requests) errors.push({ pointer: '/burst', reason: 'must be at most `requests`' })
  if (errors.length > 0) throw new Failure('request.invalid', 'The limit does not hold.', { errors })
  const { workspace } = ctx.actor
  const { name, requests, windowSeconds, burst } = input
  const row = { workspace, name, requests, windowSeconds, burst }
  await db.transaction(async (tx) => {
    await lockGateway(tx, workspace)
    const others = (await limitsOf(tx, workspace, maxLimits + 1)).filter((other) => other.name !== name)
    if (others.length >= maxLimits) throw new Failure('request.invalid', `A workspace has at most ${maxLimits} limits.`)
    await upsertLimit(tx, row)
    await insertChange(tx, { kind: 'limit', workspace, name })
    const detail = { requests, window_s: windowSeconds, burst }
    await record(tx, ctx, { action: 'put_limit', resource: `limit/${name}`, detail })
  })
  return row
}

export async function getLimit({ db }: GatewayDeps, ctx: Context, name: string): Promise<NamedLimitRow> {
  authorise(ctx, 'limits:admin', name)
  const row = await limitByName(db, ctx.actor.workspace, name)
  if (row === undefined) throw noLimit(name)
  return row
}

export async function listLimits(
  { db }: GatewayDeps,
  ctx: Context,
  request: { readonly limit: number; readonly cursor: string },
): Promise<{ readonly rows: readonly NamedLimitRow[]; readonly nextCursor: string }> {
  authorise(ctx, 'limits:admin')
  const limit = pageLimit(request.limit)
  const rows = await limitsOf(db, ctx.actor.workspace, limit + 1, request.cursor)
  const more = rows.length > limit
  return { rows: rows.slice(0, limit), nextCursor: more ? (rows[limit - 1]?.name ?? '') : '' }
}

export async function deleteLimit({ db }: GatewayDeps, ctx: Context, name: string): Promise<void> {
  authorise(ctx, 'limits:admin', name)
  const { workspace } = ctx.actor
  await db.transaction(async (tx) => {
    if (!(await deleteLimitRow(tx, workspace, name))) throw noLimit(name)
    await insertChange(tx, { kind: 'limit', workspace, name })
    await record(tx, ctx, { action: 'delete_limit', resource: `limit/${name}` })
  })
}

function noLimit(name: string): Failure {
  return new Failure('resource.not_found', `There is no limit \`${name.slice(0, 64)}\`.`)
}
