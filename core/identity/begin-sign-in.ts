import * as openid from 'openid-client'
import { Failure } from '#mesh/errors.ts'
import type { Deps } from './deps.ts'
import { callbackUrl, providerOf } from './provider.ts'
import { issuerByName } from './store-tokens.ts'

/** How long somebody may take at the provider. */
export const attemptSeconds = 600
/** As it is kept, percent-encoded: what is sealed must fit a cookie. */
const maxReturnLength = 1_000

/** A sign-in that is under way. Sealed, in the browser's keeping: nothing is stored of those that never come back. */
export interface Attempt {
  readonly workspace: string
  readonly issuer: string
  readonly nonce: string
  readonly verifier: string
  readonly returnTo: string
  readonly expiresAt: number
}

/** What belongs to another state does not open. */
export function attemptPlace(state: string): string {
  return `sign_in/${state}`
}

/** Where a browser signs in at a provider: by code with PKCE (RFC 7636), state and nonce (OpenID Connect Core 1.0, 3.1.2.1). */
export async function beginSignIn(
  deps: Deps,
  input: { readonly workspace: string; readonly issuer: string; readonly returnTo: string },
): Promise<{ readonly url: string; readonly attempt: string }> {
  const row = await issuerByName(deps.db, input.workspace, input.issuer)
  if (row === undefined || row.clientId === '') {
    throw new Failure('request.invalid', 'Nobody signs in there.', {
      hint: 'Check the workspace and the issuer: it must be declared there with a client_id.',
      errors: [{ pointer: 'issuer', reason: 'is not a provider that people of this workspace sign in at' }],
    })
  }
  const [state, nonce, verifier] = [openid.randomState(), openid.randomNonce(), openid.randomPKCECodeVerifier()]
  const attempt: Attempt = {
    workspace: row.workspace,
    issuer: row.name,
    nonce,
    verifier,
    returnTo: ownPath(input.returnTo, deps.issuerUrl),
    expiresAt: deps.now() + attemptSeconds * 1000,
  }
  const url = openid.buildAuthorizationUrl(providerOf(deps, row), {
    redirect_uri: callbackUrl(deps.issuerUrl),
    scope: 'openid email profile',
    state,
    nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  return { url: url.href, attempt: deps.seal.seal(attemptPlace(state), JSON.stringify(attempt)) }
}

/** A path of the gateway as browsers read it: whatever leads elsewhere is refused. */
function ownPath(text: string, base: string): string {
  const asked = text === '' ? '/docs' : text
  const url = asked.startsWith('/') && URL.canParse(asked, base) ? new URL(asked, base) : undefined
  const path = url && `${url.pathname}${url.search}${url.hash}`
  // `/.//elsewhere` is a path, and `//elsewhere` is not.
  if (
    path === undefined ||
    url?.origin !== new URL(base).origin ||
    path.startsWith('//') ||
    path.length > maxReturnLength
  ) {
    throw new Failure('request.invalid', 'return_to leads elsewhere.', {
      errors: [
        { pointer: 'return_to', reason: `must be a path of this gateway, of at most ${maxReturnLength} characters` },
      ],
    })
  }
  return path
}
