/** CityHash128 of CityHash 1.0.2, which ClickHouse's compressed blocks are checked by. https://github.com/google/cityhash */

const k0 = 0xc3a5c85c97cb3127n
const k1 = 0xb492b66fbe98f273n
const k2 = 0x9ae16a3b2f90404fn
const k3 = 0xc949d7c7509e6557n
const multiplier = 0x9ddfea08eb382d69n

type Pair = readonly [first: bigint, second: bigint]

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const rotate = (value: bigint, by: bigint): bigint => u64((value >> by) | (value << (64n - by)))
const shiftMix = (value: bigint): bigint => value ^ (value >> 47n)

function mix(u: bigint, v: bigint): bigint {
  const a = shiftMix(u64((u ^ v) * multiplier))
  return u64(shiftMix(u64((v ^ a) * multiplier)) * multiplier)
}

function weak(at: (offset: number) => bigint, from: number, first: bigint, second: bigint): Pair {
  const begun = u64(first + at(from))
  const z = at(from + 24)
  const a = u64(begun + at(from + 8) + at(from + 16))
  const b = u64(rotate(u64(second + begun + z), 21n) + rotate(a, 44n))
  return [u64(a + z), u64(b + begun)]
}

/** The first half is the lower one. */
export function cityHash128(bytes: Uint8Array): Pair {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { length } = bytes
  const at = (offset: number): bigint => view.getBigUint64(offset, true)
  if (length >= 16) return seeded(view, 16, length - 16, [at(0) ^ k3, at(8)])
  if (length >= 8) return seeded(view, 0, 0, [at(0) ^ u64(BigInt(length) * k0), at(length - 8) ^ k1])
  return seeded(view, 0, length, [k0, k1])
}

function seeded(view: DataView, from: number, length: number, [x0, y0]: Pair): Pair {
  if (length < 128) return murmur(view, from, length, [x0, y0])
  const at = (offset: number): bigint => view.getBigUint64(offset, true)
  let [x, y, z] = [x0, y0, u64(BigInt(length) * k1)]
  const first = u64(rotate(y ^ k1, 49n) * k1 + at(from))
  let v: Pair = [first, u64(rotate(first, 42n) * k1 + at(from + 8))]
  let w: Pair = [u64(rotate(u64(y + z), 35n) * k1 + x), u64(rotate(u64(x + at(from + 88)), 53n) * k1)]
  let s = from
  let left = length
  for (; left >= 128; left -= 128) {
    for (let half = 0; half < 2; half++, s += 64) {
      x = u64(rotate(u64(x + y + v[0] + at(s + 16)), 37n) * k1) ^ w[1]
      y = u64(rotate(u64(y + v[1] + at(s + 48)), 42n) * k1) ^ v[0]
      z = rotate(z ^ w[0], 33n)
      v = weak(at, s, u64(v[1] * k1), u64(x + w[0]))
      w = weak(at, s + 32, u64(z + w[1]), y)
      ;[z, x] = [x, z]
    }
  }
  y = u64(y + rotate(w[0], 37n) * k0 + z)
  x = u64(x + rotate(u64(v[0] + z), 49n) * k0)
  // From the end, also over what was seen already.
  for (let done = 32; done - 32 < left; done += 32) {
    const end = s + left - done
    y = u64(rotate(u64(y - x), 42n) * k0 + v[1])
    const added = u64(w[0] + at(end + 16))
    x = u64(rotate(x, 49n) * k0 + added)
    w = [u64(added + v[0]), w[1]]
    v = weak(at, end, v[0], v[1])
  }
  x = mix(x, v[0])
  y = mix(y, w[0])
  return [u64(mix(u64(x + v[1]), w[1]) + y), mix(u64(x + w[1]), u64(y + v[1]))]
}

function murmur(view: DataView, from: number, length: number, [a0, b0]: Pair): Pair {
  const at = (offset: number): bigint => view.getBigUint64(from + offset, true)
  const size = BigInt(length)
  let [a, b, c, d] = [a0, b0, 0n, 0n]
  if (length <= 16) {
    a = u64(shiftMix(u64(a * k1)) * k1)
    c = u64(b * k1 + short(view, from, length))
    d = shiftMix(u64(a + (length >= 8 ? at(0) : c)))
  } else {
    c = mix(u64(at(length - 8) + k1), a)
    d = mix(u64(b + size), u64(c + at(length - 16)))
    a = u64(a + d)
    for (let offset = 0; offset < length - 16; offset += 16) {
      a = u64((a ^ u64(shiftMix(u64(at(offset) * k1)) * k1)) * k1)
      b ^= a
      c = u64((c ^ u64(shiftMix(u64(at(offset + 8) * k1)) * k1)) * k1)
      d ^= c
    }
  }
  a = mix(a, c)
  b = mix(d, b)
  return [a ^ b, mix(b, a)]
}

function short(view: DataView, from: number, length: number): bigint {
  const size = BigInt(length)
  if (length > 8) {
    const [a, b] = [view.getBigUint64(from, true), view.getBigUint64(from + length - 8, true)]
    return mix(a, rotate(u64(b + size), size)) ^ b
  }
  if (length >= 4) {
    const [a, b] = [view.getUint32(from, true), view.getUint32(from + length - 4, true)]
    return mix(size + (BigInt(a) << 3n), BigInt(b))
  }
  if (length === 0) return k2
  const [a, b, c] = [from, from + (length >> 1), from + length - 1].map((offset) => view.getUint8(offset)) as [
    number,
    number,
    number,
  ]
  const [y, z] = [BigInt(a + (b << 8)), BigInt(length + (c << 2))]
  return u64(shiftMix(u64(y * k2) ^ u64(z * k3)) * k2)
}
