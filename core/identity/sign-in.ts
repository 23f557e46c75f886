import { Failure } from '#mesh/errors.ts'
import { networkOf } from '#mesh/network.ts'
import { attemptFailed, attemptSucceeded, beginAttempt, isUnderAttack, type Place, tooMany } from './attempts.ts'
import { record } from '../audit/index.ts'
import type { Deps } from './deps.ts'
import { mintSecret, secretHash } from './mint.ts'
import { isPassword } from './password.ts'
import { totpPlace } from './own-account.ts'
import { beginSession, type BegunSession } from './sessions.ts'
import { insertDevice, isDeviceOf, userByEmail, type UserRow, useTotpStep } from './store-users.ts'
import { stepOf } from './totp.ts'

const sessionMs = 7 * 86_400_000

export interface SignIn {
  readonly workspace: string
  readonly email: string
  readonly password: string
  readonly code: string
  readonly address: string
  readonly agent: string
  readonly device: string
  readonly requestId: string
}

export interface SignedIn extends BegunSession {
  readonly device: string
}

/**
 * A session for a password, and a one-time code where the person has them. Whatever is wrong, the answer is the same and
 * takes as long, but for the code: who is asked for one has shown the password.
 */
export async function signIn(deps: Deps, input: SignIn): Promise<SignedIn> {
  const { db } = deps
  const now = deps.now()
  const email = input.email.trim().toLowerCase()
  const user = await userByEmail(db, input.workspace, email)
  const known = user !== undefined && input.device !== '' && (await isDeviceOf(db, secretHash(input.device), user.id))
  const place: Place = {
    account: `${input.workspace}/${email}`,
    device: known ? secretHash(input.device) : undefined,
    network: networkOf(input.address),
  }
  await beginAttempt(db, place, now)
  const right = await isPassword(input.password, user?.passwordHash ?? undefined)
  if (!right || user === undefined || user.disabledAt !== null) {
    await attemptFailed(db, place, now)
    if (user !== undefined) noteWrong(deps, user, input, 'auth.invalid')
    throw new Failure('auth.invalid', 'The email address or the password is wrong.', {
      hint: 'Check both, and the workspace.',
    })
  }
  if (user.totpConfirmed) await checkCode(deps, user, input, place)
  else if (!known && (await isUnderAttack(db, place.account, now))) throw tooMany(60_000)
  await attemptSucceeded(db, place)

  const device = known ? input.device : mintSecret('ewd')
  return db.transaction(async (tx) => {
    if (!known) await insertDevice(tx, { hash: secretHash(device), user: user.id, createdAt: new Date(now) })
    const begun = await beginSession(tx, user, { now, ms: sessionMs, ...input })
    const author = { actor: user, requestId: input.requestId, address: input.address }
    await record(tx, author, { action: 'sign_in', resource: `session/${begun.session.id}` })
    return { ...begun, device }
  })
}

/** In the audit log of the workspace whose person it is: the edge, which asks, is of none. */
function noteWrong(
  deps: Deps,
  user: UserRow,
  { requestId, address }: SignIn,
  code: 'auth.invalid' | 'auth.code',
): void {
  deps.noteRefusal({
    workspace: user.workspace,
    actor: user.id,
    action: 'sign_in',
    resource: `user/${user.id}`,
    code,
    reason: code === 'auth.code' ? 'a wrong one-time code' : 'a wrong password',
    requestId,
    address,
    count: 1,
  })
}

async function checkCode(deps: Deps, user: UserRow, input: SignIn, place: Place): Promise<void> {
  const { code } = input
  if (code === '') {
    // The password was right: being asked for the code is no attempt at one.
    await attemptSucceeded(deps.db, place)
    throw new Failure('auth.code', 'A one-time code is needed.')
  }
  const seed = deps.seal.open(totpPlace(user.id), user.sealedTotp ?? '')
  const step = stepOf(seed, code, deps.now(), user.totpStep)
  if (step !== undefined && (await useTotpStep(deps.db, user.id, step))) return
  await attemptFailed(deps.db, place, deps.now())
  noteWrong(deps, user, input, 'auth.code')
  throw new Failure('auth.code', 'The one-time code is wrong, or was used already.')
}
