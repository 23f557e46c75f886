import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Deps } from './deps.ts'
import { mintId, mintSecret, secretHash } from './mint.ts'
import { hashPassword, passwordViolations } from './password.ts'
import { roleViolations } from './roles.ts'
import {
  deleteUserRow,
  endSessionsOf,
  insertUser,
  updateUserRow,
  useInvitation,
  userById,
  userByInvitation,
  type UserRow,
  usersOf,
} from './store-users.ts'

const invitationMs = 7 * 86_400_000

export interface NewUser {
  readonly email: string
  readonly name: string
  readonly roles: readonly string[]
}

/** Adds a person, who may come once the invitation is accepted. Its text is in this answer and nowhere else. */
export async function inviteUser(
  deps: Deps,
  ctx: Context,
  input: NewUser,
): Promise<{ readonly user: UserRow; readonly invitation: string }> {
  authorise(ctx, 'users:admin')
  const email = input.email.trim().toLowerCase()
  const errors = await roleViolations(deps.db, ctx, input.roles)
  if (!/^[^\s@]{1,64}@[^\s@]{1,190}$/.test(email)) errors.push({ pointer: '/email', reason: 'is not an email address' })
  if (input.roles.length < 1) errors.push({ pointer: '/roles', reason: 'must name a role' })
  if (input.name.length > 200) errors.push({ pointer: '/name', reason: 'must be at most 200 characters' })
  if (errors.length > 0) throw new Failure('request.invalid', 'The person cannot be invited as described.', { errors })
  const invitation = mintSecret('ewi')
  const user = await deps.db.transaction(async (tx) => {
    const invited = await insertUser(tx, {
      id: mintId('usr', deps.now()),
      workspace: ctx.actor.workspace,
      email,
      name: input.name,
      roles: [...input.roles],
      inviteHash: secretHash(invitation),
      inviteExpiresAt: new Date(deps.now() + invitationMs),
      createdAt: new Date(deps.now()),
    })
    if (invited === undefined) {
      throw new Failure('resource.exists', `${email} is in this workspace already.`, {
        hint: 'Delete the person first, to invite them again.',
      })
    }
    const detail = { roles: invited.roles }
    await record(tx, ctx, { action: 'invite_user', resource: `user/${invited.id}`, detail })
    return invited
  })
  return { user, invitation }
}

/** Takes an invitation up, once: the person chooses a password. */
export async function acceptInvitation(
  deps: Deps,
  input: {
    readonly invitation: string
    readonly password: string
    readonly name: string
    readonly requestId: string
    readonly address: string
  },
): Promise<UserRow> {
  const hash = secretHash(input.invitation)
  const user = await userByInvitation(deps.db, hash)
  if (user === undefined || user.disabledAt !== null || (user.inviteExpiresAt?.getTime() ?? 0) <= deps.now()) {
    throw new Failure('auth.grant', 'The invitation is not known, was accepted already, or has expired.', {
      hint: 'Ask whoever invited you for another.',
    })
  }
  const errors = passwordViolations(input.password, user.email, '/password')
  if (errors.length > 0) throw new Failure('request.invalid', 'The password does not do.', { errors })
  const passwordHash = await hashPassword(input.password)
  const accepted = await deps.db.transaction(async (tx) => {
    const row = await useInvitation(tx, hash, {
      passwordHash,
      ...(input.name !== '' && { name: input.name.slice(0, 200) }),
    })
    // Of two at the same time one finds it gone.
    if (row === undefined) return undefined
    const author = { actor: user, requestId: input.requestId, address: input.address }
    await record(tx, author, { action: 'accept_invitation', resource: `user/${user.id}` })
    return row
  })
  if (accepted === undefined) throw new Failure('auth.grant', 'The invitation was accepted already.')
  return accepted
}

export async function getUser(deps: Deps, ctx: Context, id: string): Promise<UserRow> {
  if (id !== ctx.actor.id) authorise(ctx, 'users:admin')
  const user = await userById(deps.db, ctx.actor.workspace, id)
  if (user === undefined) throw noUser()
  return user
}

export async function listUsers(
  deps: Deps,
  ctx: Context,
  request: { readonly limit: number; readonly cursor: string },
): Promise<{ readonly rows: readonly UserRow[]; readonly nextCursor: string }> {
  authorise(ctx, 'users:admin')
  const limit = pageLimit(request.limit)
  const rows = await usersOf(deps.db, ctx.actor.workspace, limit + 1, request.cursor)
  const page = rows.slice(0, limit)
  return { rows: page, nextCursor: rows.length > limit ? (page.at(-1)?.id ?? '') : '' }
}

export interface UserChange {
  readonly id: string
  readonly name?: string | undefined
  /** Empty: as they are. */
  readonly roles: readonly string[]
  readonly disabled?: boolean | undefined
}

/** Changes what is given. Nobody gives, or takes from, whoever can do more than they can. */
export async function updateUser(deps: Deps, ctx: Context, change: UserChange): Promise<UserRow> {
  const before = await powerOver(deps, ctx, change.id)
  const errors = await roleViolations(deps.db, ctx, change.roles)
  if (change.name !== undefined && change.name.length > 200) {
    errors.push({ pointer: '/name', reason: 'must be at most 200 characters' })
  }
  if (errors.length > 0) throw new Failure('request.invalid', 'The person cannot be changed as described.', { errors })
  const { workspace } = ctx.actor
  const now = new Date(deps.now())
  const changed = await deps.db.transaction(async (tx) => {
    const row = await updateUserRow(tx, workspace, change.id, {
      ...(change.name !== undefined && { name: change.name }),
      ...(change.roles.length > 0 && { roles: [...change.roles] }),
      ...(change.disabled !== undefined && { disabledAt: change.disabled ? (before.disabledAt ?? now) : null }),
      id: change.id,
    })
    if (change.disabled === true) await endSessionsOf(tx, workspace, change.id, now)
    await recordChange(tx, { kind: 'session', workspace, name: change.id })
    const { roles } = change
    const detail = {
      ...(roles.length > 0 && { roles: [...roles], before: before.roles }),
      ...(change.disabled !== undefined && { disabled: change.disabled }),
    }
    await record(tx, ctx, { action: 'update_user', resource: `user/${change.id}`, detail })
    return row
  })
  deps.forget()
  if (changed === undefined) throw noUser()
  return changed
}

export async function deleteUser(deps: Deps, ctx: Context, id: string): Promise<void> {
  await powerOver(deps, ctx, id)
  const { workspace } = ctx.actor
  await deps.db.transaction(async (tx) => {
    await endSessionsOf(tx, workspace, id, new Date(deps.now()))
    if (!(await deleteUserRow(tx, workspace, id))) throw noUser()
    await recordChange(tx, { kind: 'session', workspace, name: id })
    await record(tx, ctx, { action: 'delete_user', resource: `user/${id}` })
  })
  deps.forget()
}

/** The person, where the caller may manage users and holds all that the person does. */
async function powerOver(deps: Deps, ctx: Context, id: string): Promise<UserRow> {
  authorise(ctx, 'users:admin')
  const user = await getUser(deps, ctx, id)
  const [beyond] = await roleViolations(deps.db, ctx, user.roles)
  if (beyond?.pointer === '/roles')
    throw new Failure('auth.scope', `This person can do more than you: ${beyond.reason}.`)
  return user
}

function noUser(): Failure {
  return new Failure('resource.not_found', 'There is nobody of this id in the workspace.')
}
