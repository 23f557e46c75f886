import { base64url, importJWK, type JWK } from 'jose'

/** Signatures by a private key alone: a symmetric one would make whoever verifies able to sign. */
export const signatureAlgorithms = ['ES256', 'ES384', 'ES512', 'EdDSA', 'PS256', 'PS384', 'PS512', 'RS256'] as const

type PublicKey = Awaited<ReturnType<typeof importJWK>>

export interface Key {
  readonly jwk: JWK
  /** Imported once for each algorithm that it was used with. */
  readonly imported: Map<string, Promise<PublicKey>>
}

/** The one key that the header means; undefined where there is none, or more than one. */
export async function keyFor(
  keys: readonly Key[],
  { kid, alg }: { readonly kid: string | undefined; readonly alg: string },
): Promise<PublicKey | undefined> {
  const fitting = keys.filter(({ jwk }) => (kid === undefined || jwk.kid === kid) && mayVerify(jwk, alg))
  const [key] = fitting
  if (key === undefined || fitting.length > 1) return undefined
  let imported = key.imported.get(alg)
  if (imported === undefined) {
    imported = importJWK(key.jwk, alg)
    key.imported.set(alg, imported)
  }
  return imported.catch(() => undefined)
}

function mayVerify({ kty, crv, use, alg, key_ops: operations }: JWK, wanted: string): boolean {
  if (use !== undefined && use !== 'sig') return false
  if (operations !== undefined && !operations.includes('verify')) return false
  if (alg !== undefined && alg !== wanted) return false
  if (wanted.startsWith('RS') || wanted.startsWith('PS')) return kty === 'RSA'
  if (wanted === 'EdDSA') return kty === 'OKP' && crv === 'Ed25519'
  return kty === 'EC' && crv === { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[wanted]
}

/** The keys of a JWK Set that can be public ones; a set that cannot be read has none. */
export function keysOf(jwks: string): readonly Key[] {
  try {
    const { keys } = JSON.parse(jwks) as { readonly keys?: unknown }
    if (!Array.isArray(keys)) return []
    return keys
      .filter((jwk): jwk is JWK => typeof jwk === 'object' && jwk !== null && isPublic(jwk))
      .filter((jwk) => jwk.kty !== 'RSA' || isSoundRsa(jwk))
      .map((jwk) => ({ jwk, imported: new Map() }))
  } catch {
    return []
  }
}

function isPublic(jwk: object): boolean {
  return !('d' in jwk) && !('k' in jwk)
}

/** NIST SP 800-56B, 6.2: an exponent of 65,537 or more. And no modulus whose primes are known to be guessable. */
function isSoundRsa({ n, e }: JWK): boolean {
  const modulus = toBigInt(n)
  const exponent = toBigInt(e)
  return modulus !== undefined && exponent !== undefined && exponent >= 65_537n && !isRoca(modulus)
}

/**
 * "The Return of Coppersmith's Attack" (Nemec et al., CCS 2017): a widespread generator made primes whose product is a
 * power of 65,537 modulo each small prime, which a sound one is with a chance of 2^-27.
 */
function isRoca(modulus: bigint): boolean {
  return smallPrimes.every((prime) => {
    const rest = Number(modulus % BigInt(prime))
    const generator = 65_537 % prime
    let power = 1
    do {
      if (power === rest) return true
      power = (power * generator) % prime
    } while (power !== 1)
    return false
  })
}

const smallPrimes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
]

function toBigInt(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^[\w-]{1,4096}$/.test(text)) return undefined
  let value = 0n
  for (const byte of base64url.decode(text)) value = (value << 8n) | BigInt(byte)
  return value
}
