/**
 * SHA-256 (FIPS 180-4) of an ASCII text, at once: crypto.subtle is asynchronous, which would cost a cached credential
 * more than everything else that is done for it. The result is 16 characters of 16 bits each: made to be a Map's key.
 */
export function digest(text: string): string {
  const words = ((text.length + 8) >> 6) * 16 + 16
  const block = words <= 32 ? scratch.fill(0, 0, words) : new Uint32Array(words)
  for (let i = 0; i < text.length; i++) block[i >> 2]! |= (text.charCodeAt(i) & 0xff) << (24 - (i & 3) * 8)
  block[text.length >> 2]! |= 0x80 << (24 - (text.length & 3) * 8)
  block[words - 1] = text.length * 8

  let [h0, h1, h2, h3, h4, h5, h6, h7] = initial
  for (let start = 0; start < words; start += 16) {
    for (let i = 0; i < 16; i++) w[i] = block[start + i]!
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!
      const y = w[i - 2]!
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
    }
    let [a, b, c, d, e, f, g, h] = [h0, h1, h2, h3, h4, h5, h6, h7]
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i]! + w[i]!) | 0
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    h0 = (h0 + a) | 0
    h1 = (h1 + b) | 0
    h2 = (h2 + c) | 0
    h3 = (h3 + d) | 0
    h4 = (h4 + e) | 0
    h5 = (h5 + f) | 0
    h6 = (h6 + g) | 0
    h7 = (h7 + h) | 0
  }
  return String.fromCharCode(
    h0 >>> 16,
    h0 & 0xffff,
    h1 >>> 16,
    h1 & 0xffff,
    h2 >>> 16,
    h2 & 0xffff,
    h3 >>> 16,
    h3 & 0xffff,
    h4 >>> 16,
    h4 & 0xffff,
    h5 >>> 16,
    h5 & 0xffff,
    h6 >>> 16,
    h6 & 0xffff,
    h7 >>> 16,
    h7 & 0xffff,
  )
}

/** The fractional parts of the square roots of the first eight primes, and of the cube roots of the first 64. */
const initial = [2, 3, 5, 7, 11, 13, 17, 19].map((prime) => fraction(Math.sqrt(prime))) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
]
const k = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)))

// Working memory of a function that never waits; nothing of one call is read by the next.
const w = new Int32Array(64)
const scratch = new Uint32Array(32)

function fraction(root: number): number {
  return ((root % 1) * 2 ** 32) | 0
}

function primes(count: number): number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
}
