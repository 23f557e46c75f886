import * as openid from 'openid-client'
import { Failure } from '#mesh/errors.ts'
import { federatedId, fittingRules } from '#mesh/tokens/claims.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { SealError } from '../seal.ts'
import { type Attempt, attemptPlace } from './begin-sign-in.ts'
import type { Deps } from './deps.ts'
import { federatedFamilyMs } from './issue-token.ts'
import { secretHash } from './mint.ts'
import { callbackUrl, providerOf, signInFailure } from './provider.ts'
import { beginSession, type BegunSession } from './sessions.ts'
import { issuerByName, type IssuerRow } from './store-tokens.ts'
import { insertUser, spendAttempt, updateUserRow, userById } from './store-users.ts'

export interface FinishSignIn {
  /** The query string that the browser came back with. */
  readonly answer: string
  readonly attempt: string
  readonly address: string
  readonly agent: string
  readonly requestId: string
}

/**
 * A session for what a provider says of somebody. Once for each attempt, within its time, in the browser that began it. The
 * person is who the bearer of the provider's tokens is, and has the roles that its rules give now.
 */
export async function finishSignIn(
  deps: Deps,
  input: FinishSignIn,
): Promise<BegunSession & { readonly returnTo: string }> {
  const { db } = deps
  const now = deps.now()
  const answer = new URLSearchParams(input.answer)
  const state = answer.get('state') ?? ''
  const attempt = openAttempt(deps, state, input.attempt)
  if (attempt === undefined || attempt.expiresAt <= now) throw notHere()
  if (!(await spendAttempt(db, secretHash(state), new Date(attempt.expiresAt)))) {
    throw new Failure('auth.grant', 'This sign-in was finished before.')
  }
  const issuer = await issuerByName(db, attempt.workspace, attempt.issuer)
  if (issuer === undefined || issuer.clientId === '') {
    throw new Failure('auth.grant', 'People sign in there no longer.')
  }
  const claims = await redeem(deps, issuer, answer, { ...attempt, state })
  const rules = fittingRules(claims, issuer.rules)
  const workspace = rules[0]?.workspace ?? issuer.workspace
  const id = await federatedId(workspace, issuer.issuer, claims.sub)
  const known = await userById(db, workspace, id)
  if (rules.length === 0 || (known !== undefined && known.disabledAt !== null)) {
    const reason = rules.length === 0 ? 'none of the issuer’s rules lets them in' : 'they may not come any more'
    deps.noteRefusal({
      workspace,
      actor: id,
      action: 'sign_in',
      resource: `issuer/${issuer.name}`,
      code: 'auth.grant',
      reason,
      requestId: input.requestId,
      address: input.address,
      count: 1,
    })
    throw new Failure('auth.grant', 'The provider knows you, but you have no access here.', {
      hint: 'Ask whoever manages the workspace for it.',
    })
  }

  const roles = [...new Set(rules.flatMap((rule) => rule.roles))]
  const profile = { email: textOf(claims['email'], 260).toLowerCase(), name: textOf(claims['name'], 200), roles }
  const changed = known !== undefined && known.roles.join() !== roles.join()
  const begun = await db.transaction(async (tx) => {
    const person = { id, workspace, issuer: issuer.issuer, subject: claims.sub, createdAt: new Date(now), ...profile }
    await insertUser(tx, person)
    const user = await updateUserRow(tx, workspace, id, profile)
    if (user === undefined) throw new Error(`${id} was not stored`)
    const session = await beginSession(tx, user, { now, ms: federatedFamilyMs, ...input })
    if (changed) await recordChange(tx, { kind: 'session', workspace, name: id })
    const detail = { issuer: issuer.name, roles, ...(changed && { before: known.roles }) }
    const author = { actor: user, requestId: input.requestId, address: input.address }
    await record(tx, author, { action: 'sign_in', resource: `session/${session.session.id}`, detail })
    return session
  })
  if (changed) deps.forget()
  return { ...begun, returnTo: attempt.returnTo }
}

/** Undefined for one that is not of this state, or not of this installation. */
function openAttempt({ seal }: Deps, state: string, sealed: string): Attempt | undefined {
  try {
    return JSON.parse(seal.open(attemptPlace(state), sealed)) as Attempt
  } catch (thrown) {
    if (thrown instanceof SealError) return undefined
    throw thrown
  }
}

function notHere(): Failure {
  return new Failure('auth.grant', 'This sign-in was not begun in this browser, or too long ago.', {
    hint: 'Begin again, and finish it in the same browser within ten minutes.',
  })
}

/**
 * The claims of the ID token that the provider gives for the code, once everything about it holds: that the answer is this
 * provider's (RFC 9207), the code, the verifier, the nonce, and the token's issuer, audience, times and signature.
 */
async function redeem(
  deps: Deps,
  issuer: IssuerRow,
  answer: URLSearchParams,
  { state, nonce, verifier }: Attempt & { readonly state: string },
): Promise<openid.IDToken> {
  const url = new URL(callbackUrl(deps.issuerUrl))
  url.search = answer.toString()
  const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true }
  const tokens = await openid
    .authorizationCodeGrant(providerOf(deps, issuer), url, checks)
    .catch((thrown: unknown) => Promise.reject(signInFailure(thrown)))
  const claims = tokens.claims()
  if (claims === undefined) throw new Failure('auth.grant', 'The provider did not say who you are.')
  return claims
}

function textOf(claim: unknown, maxLength: number): string {
  return typeof claim === 'string' ? claim.slice(0, maxLength) : ''
}
