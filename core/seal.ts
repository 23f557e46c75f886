import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'

/** Encrypts what is stored but must not be readable there: signing keys, secrets of providers, seeds of one-time codes. */
export interface Seal {
  /** `place` names where it is stored (`issuer/main/keycloak`): moved elsewhere, it does not open. */
  seal(place: string, secret: string): string
  /** Throws for what was sealed for another place, with another master key, or changed since. */
  open(place: string, sealed: string): string
  /** The same secret under the current master key; the text itself where it is that already. */
  rewrap(place: string, sealed: string): string
}

const cipher = 'aes-256-gcm'
const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

/**
 * Envelope encryption: each secret has a key of its own, which the master key wraps (AES-256-GCM, NIST SP 800-38D), so
 * that another master key means wrapping again and not encrypting again. `previous` are still opened with.
 */
export function createSeal(master: Uint8Array, previous: readonly Uint8Array[] = []): Seal {
  const keys = new Map([...previous, master].map((key) => [idOf(key), key]))
  const current = idOf(master)

  function unwrap(place: string, sealed: string): { readonly id: string; readonly key: Buffer; readonly body: string } {
    const [version, id = '', wrapped = '', body = ''] = sealed.split('.')
    const key = keys.get(id)
    if (version !== 'v1') throw new SealError(`The secret of ${place} is not a sealed one.`)
    if (key === undefined) throw new SealError(`The secret of ${place} was sealed with another master key (${id}).`)
    return { id, key: decrypt(key, `key of ${place}`, wrapped, place), body }
  }

  return {
    seal(place, secret) {
      const key = randomBytes(keyBytes)
      const wrapped = encrypt(master, `key of ${place}`, key)
      return ['v1', current, wrapped, encrypt(key, place, Buffer.from(secret))].join('.')
    },
    open(place, sealed) {
      const { key, body } = unwrap(place, sealed)
      return decrypt(key, place, body, place).toString()
    },
    rewrap(place, sealed) {
      const { id, key, body } = unwrap(place, sealed)
      return id === current ? sealed : ['v1', current, encrypt(master, `key of ${place}`, key), body].join('.')
    },
  }
}

/** A master key from its text: 32 bytes in base64 or base64url. */
export function parseMasterKey(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text.trim(), 'base64')
  return bytes.byteLength === keyBytes ? bytes : undefined
}

/** Does not open. The message says what to do, and nothing of the secret. */
export class SealError extends Error {
  override readonly name = 'SealError'
}

/** Says which key it is and nothing of the key. */
function idOf(key: Uint8Array): string {
  return hash('sha256', key).slice(0, 8)
}

function encrypt(key: Uint8Array, place: string, plain: Uint8Array): string {
  const iv = randomBytes(ivBytes)
  const by = createCipheriv(cipher, key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(place))
  return Buffer.concat([iv, by.update(plain), by.final(), by.getAuthTag()]).toString('base64url')
}

function decrypt(key: Uint8Array, aad: string, text: string, place: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  const iv = bytes.subarray(0, ivBytes)
  try {
    const by = createDecipheriv(cipher, key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(aad))
    by.setAuthTag(bytes.subarray(-tagBytes))
    return Buffer.concat([by.update(bytes.subarray(ivBytes, -tagBytes)), by.final()])
  } catch (cause) {
    throw new SealError(`The secret of ${place} does not open: it was changed, or sealed for another place.`, { cause })
  }
}
