import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import type { Context } from '../context.ts'
import { attemptFailed, attemptSucceeded, beginAttempt } from './attempts.ts'
import type { Deps } from './deps.ts'
import { hashPassword, isPassword, passwordViolations } from './password.ts'
import { endSessionsOf, updateUserRow, userById, type UserRow, useTotpStep } from './store-users.ts'
import { newSeed, otpauthUrl, stepOf } from './totp.ts'

export function totpPlace(user: string): string {
  return `totp/${user}`
}

/** Replaces the caller's own password. Whoever else is signed in as the caller is so no longer. */
export async function changePassword(
  deps: Deps,
  ctx: Context,
  { password, newPassword }: { readonly password: string; readonly newPassword: string },
): Promise<void> {
  const user = await ownAccount(deps, ctx)
  const place = { account: user.id, device: ctx.actor.session, network: '' }
  await beginAttempt(deps.db, place, deps.now())
  if (!(await isPassword(password, user.passwordHash ?? undefined))) {
    await attemptFailed(deps.db, place, deps.now())
    throw new Failure('request.invalid', 'The present password is wrong.', {
      errors: [{ pointer: '/password', reason: 'is not the one that holds now' }],
    })
  }
  await attemptSucceeded(deps.db, place)
  const errors = passwordViolations(newPassword, user.email, '/new_password')
  if (errors.length > 0) throw new Failure('request.invalid', 'The password does not do.', { errors })
  const passwordHash = await hashPassword(newPassword)
  const { workspace } = user
  await deps.db.transaction(async (tx) => {
    await updateUserRow(tx, workspace, user.id, { passwordHash })
    const ended = await endSessionsOf(tx, workspace, user.id, new Date(deps.now()), ctx.actor.session)
    for (const id of ended) await recordChange(tx, { kind: 'session', workspace, name: id })
    await record(tx, ctx, { action: 'change_password', resource: `user/${user.id}` })
  })
  deps.forget()
}

/** A new seed for the caller. It counts once a code of it was shown. */
export async function enrolTotp(deps: Deps, ctx: Context): Promise<{ readonly secret: string; readonly url: string }> {
  const user = await ownAccount(deps, ctx)
  if (user.totpConfirmed) {
    throw new Failure('resource.exists', 'There are one-time codes already.', { hint: 'Remove them first.' })
  }
  const secret = newSeed()
  await updateUserRow(deps.db, user.workspace, user.id, { sealedTotp: deps.seal.seal(totpPlace(user.id), secret) })
  return { secret, url: otpauthUrl(secret, user.email) }
}

export async function confirmTotp(deps: Deps, ctx: Context, code: string): Promise<UserRow> {
  const user = await ownAccount(deps, ctx)
  await spendCode(deps, user, code)
  return change(deps, ctx, 'confirm_totp', { totpConfirmed: true })
}

export async function removeTotp(deps: Deps, ctx: Context, code: string): Promise<UserRow> {
  const user = await ownAccount(deps, ctx)
  await spendCode(deps, user, code)
  return change(deps, ctx, 'remove_totp', { totpConfirmed: false, sealedTotp: null, totpStep: null })
}

async function spendCode(deps: Deps, user: UserRow, code: string): Promise<void> {
  if (user.sealedTotp === null) throw new Failure('resource.not_found', 'There are no one-time codes to show.')
  const place = { account: `${user.id}/code`, device: user.id, network: '' }
  await beginAttempt(deps.db, place, deps.now())
  const step = stepOf(deps.seal.open(totpPlace(user.id), user.sealedTotp), code, deps.now(), user.totpStep)
  if (step === undefined || !(await useTotpStep(deps.db, user.id, step))) {
    throw new Failure('request.invalid', 'The one-time code is wrong, or was used already.', {
      errors: [{ pointer: '/code', reason: 'is not the code of now' }],
    })
  }
  await attemptSucceeded(deps.db, place)
}

/** Only for whoever is signed in: a key is not a person, and a token is not enough to change how to get one. */
async function ownAccount(deps: Deps, ctx: Context): Promise<UserRow> {
  const user = ctx.actor.session === '' ? undefined : await userById(deps.db, ctx.actor.workspace, ctx.actor.id)
  if (user?.passwordHash == null) {
    throw new Failure('auth.scope', 'Only somebody who signed in with a password may do this.', {
      hint: 'Sign in at POST /v1/sessions.',
    })
  }
  return user
}

function change(deps: Deps, ctx: Context, action: string, set: Partial<UserRow>): Promise<UserRow> {
  const { workspace, id } = ctx.actor
  return deps.db.transaction(async (tx) => {
    const row = await updateUserRow(tx, workspace, id, set)
    if (row === undefined) throw new Failure('resource.not_found', 'The account is gone.')
    await record(tx, ctx, { action, resource: `user/${id}` })
    return row
  })
}
