import { Failure } from '#mesh/errors.ts'
import { keysOf } from '#mesh/tokens/keys.ts'
import type { Outbound } from '../outbound.ts'

export interface Discovered {
  /** The discovery document. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** A JWK Set. */
  readonly jwks: string
}

/** OpenID Connect Discovery 1.0, 4: what a provider says of itself, and its keys. */
export async function discover(outbound: Outbound, issuer: string): Promise<Discovered> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const metadata = objectOf(await get(outbound, address), address)
  if (metadata['issuer'] !== issuer) {
    throw unfit(`${address} says that its issuer is \`${String(metadata['issuer']).slice(0, 200)}\`.`)
  }
  return { metadata, jwks: await fetchKeys(outbound, metadata) }
}

/** The keys at the `jwks_uri` of a discovery document. */
export async function fetchKeys(outbound: Outbound, metadata: Discovered['metadata']): Promise<string> {
  const { jwks_uri: address } = metadata
  if (typeof address !== 'string') throw unfit('The provider does not say where its keys are (jwks_uri).')
  const text = await get(outbound, address)
  if (keysOf(text).length === 0) throw unfit(`${address} has no key that a token can be verified with.`)
  return text
}

async function get(outbound: Outbound, address: string): Promise<string> {
  const { status, body } = await outbound(address)
  if (status !== 200) throw unfit(`${address} answered ${status}.`)
  return body
}

function objectOf(text: string, address: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // What it is not is said below.
  }
  throw unfit(`${address} is not a discovery document.`)
}

function unfit(message: string): Failure {
  return new Failure('request.invalid', message, {
    hint: 'Check the issuer: it is the text in the `iss` of its tokens, to the letter.',
    errors: [{ pointer: '/issuer', reason: 'could not be discovered' }],
  })
}
