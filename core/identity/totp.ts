import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** RFC 6238 with what authenticator apps expect: HMAC-SHA-1, six digits, 30 seconds. */
const stepMs = 30_000
const digits = 6
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** A new seed of 160 bits, in base32 (RFC 4648). */
export function newSeed(): string {
  let bits = 0n
  for (const byte of randomBytes(20)) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let i = 31; i >= 0; i--) text += alphabet[Number((bits >> BigInt(i * 5)) & 31n)]
  return text
}

/**
 * The step whose code it is, of the one now and its two neighbours, since clocks differ; undefined where it is none of
 * them. `after` is the last step that was used: a code is good once.
 */
export function stepOf(seed: string, code: string, now: number, after: number | null): number | undefined {
  const current = Math.floor(now / stepMs)
  for (const step of [current - 1, current, current + 1]) {
    if (step > (after ?? 0) && equal(codeAt(seed, step), code)) return step
  }
  return undefined
}

/** The code of a step (RFC 4226, 5.3). */
export function codeAt(seed: string, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', decodeBase32(seed)).update(counter).digest()
  const at = (mac.at(-1) ?? 0) & 0xf
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 10 ** digits).padStart(digits, '0')
}

/** What a QR code for an authenticator app says. */
export function otpauthUrl(seed: string, account: string): string {
  const label = encodeURIComponent(`Edgewise:${account}`)
  return `otpauth://totp/${label}?secret=${seed}&issuer=Edgewise&digits=${digits}&period=${stepMs / 1000}`
}

function equal(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

function decodeBase32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const letter of text) {
    held = (held << 5) | alphabet.indexOf(letter)
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
    held &= (1 << bits) - 1
  }
  return Buffer.from(bytes)
}
