import { Failure } from '#mesh/errors.ts'
import { builtInRoles, scopesOfRoles } from '#mesh/scopes.ts'
import { record } from '../audit/index.ts'
import { checkName, recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import type { Deps } from './deps.ts'
import { excesses, scopeViolations } from './narrow.ts'
import { type RoleRow, rolesOf } from './store-tokens.ts'
import { deleteRoleRow, upsertRole } from './store-users.ts'

const maxRoles = 100

export interface RoleInput {
  readonly name: string
  readonly scopes: readonly string[]
  readonly description: string
}

/** Defines a role; whoever has it already has what it says now. */
export async function putRole(deps: Deps, ctx: Context, input: RoleInput): Promise<RoleRow> {
  authorise(ctx, 'users:admin')
  checkName(input.name, '/name')
  if (Object.hasOwn(builtInRoles, input.name)) {
    throw new Failure('resource.exists', `Every workspace has a role \`${input.name}\`, and it cannot be changed.`, {
      hint: 'Choose another name.',
    })
  }
  const asked = { scopes: input.scopes, params: {}, filters: [], plan: undefined, expiresAt: undefined }
  const errors = [...scopeViolations(input.scopes), ...excesses(asked, ctx.actor)]
  if (input.scopes.length < 1 || input.scopes.length > 100) {
    errors.push({ pointer: '/scopes', reason: 'must be 1 to 100 scopes' })
  }
  if (errors.length > 0) throw new Failure('request.invalid', 'The role does not hold.', { errors })
  const { workspace } = ctx.actor
  const others = (await rolesOf(deps.db, workspace)).filter(({ name }) => name !== input.name)
  if (others.length >= maxRoles) throw new Failure('request.invalid', `A workspace has at most ${maxRoles} roles.`)
  const row = { workspace, name: input.name, scopes: [...input.scopes], description: input.description }
  await deps.db.transaction(async (tx) => {
    await upsertRole(tx, row)
    await recordRoles(tx, workspace)
    await record(tx, ctx, {
      action: 'put_role',
      resource: `role/${input.name}`,
      detail: { scopes: row.scopes },
    })
  })
  deps.forget()
  return row
}

export async function listRoles(deps: Deps, ctx: Context): Promise<readonly RoleRow[]> {
  authorise(ctx, 'users:admin')
  return rolesOf(deps.db, ctx.actor.workspace)
}

export async function deleteRole(deps: Deps, ctx: Context, name: string): Promise<void> {
  authorise(ctx, 'users:admin')
  const { workspace } = ctx.actor
  await deps.db.transaction(async (tx) => {
    if (!(await deleteRoleRow(tx, workspace, name))) {
      throw new Failure('resource.not_found', `There is no role \`${name.slice(0, 64)}\` that can be deleted.`)
    }
    await recordRoles(tx, workspace)
    await record(tx, ctx, { action: 'delete_role', resource: `role/${name}` })
  })
  deps.forget()
}

/** Every session of the workspace may be another one now, and so may whoever comes by a provider. */
async function recordRoles(tx: ControlTx, workspace: string): Promise<void> {
  await recordChange(tx, { kind: 'workspace', workspace, name: workspace })
  await recordChange(tx, { kind: 'issuer', workspace, name: '*' })
}

/** What is wrong with giving somebody these roles. */
export async function roleViolations(db: ControlDb, ctx: Context, names: readonly string[]) {
  const defined = await rolesOf(db, ctx.actor.workspace)
  const errors = names.flatMap((name, i) =>
    Object.hasOwn(builtInRoles, name) || defined.some((role) => role.name === name)
      ? []
      : [{ pointer: `/roles/${i}`, reason: `there is no role \`${name.slice(0, 64)}\`` }],
  )
  const asked = {
    scopes: scopesOfRoles(names, defined),
    params: {},
    filters: [],
    plan: undefined,
    expiresAt: undefined,
  }
  for (const { reason } of excesses(asked, ctx.actor)) errors.push({ pointer: '/roles', reason })
  return errors
}
