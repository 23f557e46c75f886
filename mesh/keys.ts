/**
 * The text of an API key: `ew_`, 32 random characters of base 62, and a checksum of 6, so that a mistyped or
 * invented key is refused where it arrives, without asking anyone.
 */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const shape = /^ew_[0-9A-Za-z]{38}$/
export const keyPrefixLength = 11

/** A new key's text: 190 bits from the platform's secure source. */
export function generateKey(): string {
  let body = ''
  while (body.length < 32) {
    for (const byte of crypto.getRandomValues(new Uint8Array(48))) {
      // 248 = 4 × 62: a larger byte would make the first letters likelier.
      if (byte < 248 && body.length < 32) body += alphabet[byte % 62]
    }
  }
  return `ew_${body}${checksum(body)}`
}

/** Whether the text can be a key at all. Says nothing about whether the key exists. */
export function isWellFormedKey(text: string): boolean {
  return shape.test(text) && checksum(text.slice(3, 35)) === text.slice(35)
}

/** CRC-32 (IEEE 802.3) in base 62. */
function checksum(text: string): string {
  let crc = 0xffffffff
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  let rest = (crc ^ 0xffffffff) >>> 0
  let out = ''
  for (let i = 0; i < 6; i++) {
    out = alphabet[rest % 62] + out
    rest = Math.floor(rest / 62)
  }
  return out
}
