import * as openid from 'openid-client'
import { Failure } from '#mesh/errors.ts'
import type { Outbound } from '../outbound.ts'
import type { Deps } from './deps.ts'
import { secretPlace } from './put-issuer.ts'
import type { IssuerRow } from './store-tokens.ts'

/** Where providers send browsers back to. */
export function callbackUrl(issuerUrl: string): string {
  return `${issuerUrl}/v1/sessions/callback`
}

/** A provider as its client sees it: by what it said of itself when it was declared, over guarded requests alone. */
export function providerOf({ outbound, seal }: Pick<Deps, 'outbound' | 'seal'>, row: IssuerRow): openid.Configuration {
  const secret =
    row.sealedSecret === null ? undefined : seal.open(secretPlace(row.workspace, row.name), row.sealedSecret)
  const configuration = new openid.Configuration(
    {
      ...row.metadata,
      issuer: row.issuer,
      // Ours to choose: none of them is symmetric.
      id_token_signing_alg_values_supported: row.algorithms,
    },
    row.clientId,
    { [openid.clockTolerance]: row.clockSkewSeconds },
    authentication(row.metadata, secret),
  )
  configuration[openid.customFetch] = (url, { method, headers, body }) => ask(outbound, url, { method, headers, body })
  // TLS would do (OpenID Connect Core 1.0, 3.1.3.7), but the operator may allow a host without it.
  openid.enableNonRepudiationChecks(configuration)
  // What may be asked without TLS, `outbound` knows.
  if (row.issuer.startsWith('http:')) openid.allowInsecureRequests(configuration)
  return configuration
}

/** RFC 6749, 2.3.1: Basic, which every provider must take, unless it says that it does not. */
function authentication(metadata: IssuerRow['metadata'], secret: string | undefined): openid.ClientAuth {
  if (secret === undefined) return openid.None()
  const { token_endpoint_auth_methods_supported: methods } = metadata
  const basic = !Array.isArray(methods) || methods.includes('client_secret_basic')
  return basic ? openid.ClientSecretBasic(secret) : openid.ClientSecretPost(secret)
}

async function ask(
  outbound: Outbound,
  url: string,
  { method, headers, body }: Pick<openid.CustomFetchOptions, 'method' | 'headers' | 'body'>,
): Promise<Response> {
  if (body !== undefined && body !== null && typeof body !== 'string' && !(body instanceof URLSearchParams)) {
    throw new TypeError('a body of this kind is not sent to providers')
  }
  const answer = await outbound(url, {
    method: method === 'POST' ? 'POST' : 'GET',
    headers,
    ...(body && { body: body.toString() }),
  })
  const empty = answer.status === 204 || answer.status === 304
  return new Response(empty ? null : answer.body, { status: answer.status, headers: answer.headers })
}

/** Of whatever goes wrong on the way: what to tell the person, who cannot mend it, and the cause for the log. */
export function signInFailure(thrown: unknown): unknown {
  if (thrown instanceof openid.AuthorizationResponseError || thrown instanceof openid.ResponseBodyError) {
    const said = thrown.error.replaceAll(/[^\w.-]/g, '').slice(0, 64)
    return new Failure('auth.grant', `The provider refused: ${said}.`, { cause: thrown })
  }
  if (!(thrown instanceof openid.ClientError)) return thrown
  // What `outbound` refuses comes wrapped.
  if (thrown.cause instanceof Failure) return thrown.cause
  return new Failure('auth.grant', `What the provider answered does not hold (${thrown.code ?? 'unknown'}).`, {
    cause: thrown,
  })
}
