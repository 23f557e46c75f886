import { compactVerify, decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Trust, TrustedIssuer } from '#proto/edgewise/identity/v1/token_pb.ts'
import { actorByRules, actorOfClaims } from './claims.ts'
import { type Key, keyFor, keysOf, signatureAlgorithms } from './keys.ts'

/** Longer than any token that fits a header. */
export const maxTokenLength = 8_192

/** What a token turned out to be. */
export type Verdict =
  | {
      readonly actor: Actor
      readonly expiresAtMs: number
      /** We issued it ourselves. */
      readonly own: boolean
    }
  /** It may be good: its issuer is trusted, but the key it names is not known yet. */
  | { readonly unknownKeyOf: string }
  | { readonly refused: string }

export interface Verifier {
  verify(text: string, now: number): Promise<Verdict>
}

/** Whether a credential is a token, rather than a key: three parts in base64url. */
export function isToken(credential: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(credential)
}

/**
 * Verifies tokens as RFC 8725 asks: the algorithm is the issuer's choice and never the token's, keys come from the
 * issuer alone and never from the token, and issuer, audience, type and times are all checked.
 */
export function createVerifier(trust: Trust): Verifier {
  const issuers = new Map<string, Known[]>()
  for (const issuer of trust.issuers) {
    const same = issuers.get(issuer.issuer) ?? []
    same.push({ issuer, keys: keysOf(issuer.jwks) })
    issuers.set(issuer.issuer, same)
  }
  const ended = new Set(trust.ended)

  return {
    async verify(text, now) {
      const header = readHeader(text)
      if (typeof header === 'string') return { refused: header }
      const issuer = unverifiedIssuer(text)
      const known = issuers.get(issuer)
      if (known === undefined) return { refused: 'Its issuer is not one that is trusted here.' }
      let verdict: Verdict = { refused: 'None of the rules for its issuer lets it in.' }
      // One provider may serve several workspaces, each with an audience and rules of its own.
      for (const { issuer: trusted, keys } of known) {
        const signed = await verifySignature(text, header, keys, trusted.algorithms)
        if ('unknownKey' in signed) verdict = { unknownKeyOf: issuer }
        if (!('payload' in signed)) {
          if ('refused' in signed) verdict = signed
          continue
        }
        const claims = checkClaims(signed.payload, header, trusted, now)
        if (typeof claims === 'string') {
          verdict = { refused: claims }
          continue
        }
        const actor = trusted.own ? actorOfClaims(claims) : await actorByRules(claims, trusted.rules)
        if (actor === undefined) continue
        if (ended.has(actor.id) || ended.has(actor.session)) return { refused: 'It was ended.' }
        return { actor, expiresAtMs: claims.exp * 1000, own: trusted.own }
      }
      return verdict
    },
  }
}

interface Known {
  readonly issuer: TrustedIssuer
  readonly keys: readonly Key[]
}

export interface Header {
  readonly alg: string
  readonly kid: string | undefined
  readonly typ: string | undefined
}

/** The header, before anything of it may be believed; or why the token is not looked at any further. */
export function readHeader(text: string): Header | string {
  if (text.length > maxTokenLength) return 'It is too long.'
  try {
    const header = decodeProtectedHeader(text)
    const { alg, kid, typ } = header
    if (typeof alg !== 'string' || !(signatureAlgorithms as readonly string[]).includes(alg)) {
      return 'Its algorithm is not allowed.'
    }
    // Extensions that must be understood, keys that the token itself brings or points at, tokens within tokens.
    for (const name of ['crit', 'b64', 'zip', 'cty', 'enc', 'jku', 'jwk', 'x5u', 'x5c']) {
      if (name in header) return `Its header has \`${name}\`, which is not accepted.`
    }
    if (kid !== undefined && typeof kid !== 'string') return 'Its key id is not a text.'
    if (typ !== undefined && typeof typ !== 'string') return 'Its type is not a text.'
    return { alg, kid, typ }
  } catch {
    return 'It is not a signed JWT.'
  }
}

function unverifiedIssuer(text: string): string {
  try {
    const { iss } = decodeJwt(text)
    return typeof iss === 'string' ? iss : ''
  } catch {
    return ''
  }
}

/** The payload, once one of the issuer's keys and algorithms is found to have signed it. */
export async function verifySignature(
  text: string,
  header: Header,
  keys: readonly Key[],
  algorithms: readonly string[],
): Promise<{ readonly payload: Uint8Array } | { readonly unknownKey: true } | { readonly refused: string }> {
  if (!algorithms.includes(header.alg)) return { refused: 'Its algorithm is not one of its issuer.' }
  const key = await keyFor(keys, header)
  if (key === undefined) return { unknownKey: true }
  try {
    const { payload } = await compactVerify(text, key, { algorithms: [header.alg] })
    return { payload }
  } catch {
    return { refused: 'Its signature does not hold.' }
  }
}

type Claims = JWTPayload & { readonly sub: string; readonly exp: number }

/** RFC 7519, 4.1 and RFC 9068, 4: whether it is for us, and now. */
function checkClaims(payload: Uint8Array, { typ }: Header, issuer: TrustedIssuer, now: number): Claims | string {
  // Ours are `at+jwt`. Others are often not typed at all; what is typed as something else is something else.
  const type = (typ ?? 'JWT').toLowerCase().replace(/^application\//, '')
  if (issuer.own ? type !== 'at+jwt' : type !== 'jwt' && type !== 'at+jwt') return 'It is not an access token.'
  const claims = parseClaims(payload)
  if (claims === undefined) return 'Its claims are not a JSON object.'
  const { iss, aud, sub, exp, nbf, iat } = claims
  if (iss !== issuer.issuer) return 'Its issuer is not one that is trusted here.'
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.some((one) => typeof one === 'string' && issuer.audiences.includes(one))) {
    return 'Its audience is somebody else.'
  }
  if (typeof sub !== 'string' || sub === '') return 'It has no subject.'
  const seconds = now / 1000
  const skew = issuer.clockSkewSeconds
  if (!isTime(exp)) return 'It does not say when it expires.'
  if (seconds >= exp + skew) return 'It has expired.'
  if (nbf !== undefined && !(isTime(nbf) && nbf <= seconds + skew)) return 'It does not hold yet.'
  if (iat !== undefined && !(isTime(iat) && iat <= seconds + skew)) return 'It was issued in the future.'
  return { ...claims, sub, exp }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function parseClaims(payload: Uint8Array): JWTPayload | undefined {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload))
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims) ? (claims as JWTPayload) : undefined
  } catch {
    return undefined
  }
}
