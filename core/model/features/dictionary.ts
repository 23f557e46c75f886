export interface Dictionary {
  /** The code of a text, given in UTF-8; −1 where it is blank. */
  codeOf(bytes: Uint8Array, from: number, to: number): number
  labels(): string[]
  /** What it holds. */
  bytes(): number
}

/** What a text costs beside its bytes. */
const entryBytes = 16

/**
 * Numbers texts as they come. It compares bytes, so that a text is decoded once and not in every row: a table of hashes
 * (FNV-1a) with linear probing.
 */
export function createDictionary(): Dictionary {
  let slots = new Int32Array(64).fill(-1)
  let hashes = new Int32Array(32)
  let texts = Buffer.alloc(1024)
  let ends = new Int32Array(32)
  let count = 0
  let blanks = 0
  // The code that stands in a slot counts blank texts as well; this one does not.
  let codes = new Int32Array(32)

  function startOf(entry: number): number {
    return entry === 0 ? 0 : ends[entry - 1]!
  }

  function isAt(entry: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = startOf(entry)
    if (ends[entry]! - start !== to - from) return false
    for (let at = from, known = start; at < to; at++, known++) if (bytes[at] !== texts[known]) return false
    return true
  }

  function place(hash: number, entry: number): void {
    const mask = slots.length - 1
    let slot = hash & mask
    while (slots[slot]! >= 0) slot = (slot + 1) & mask
    slots[slot] = entry
  }

  function add(hash: number, bytes: Uint8Array, from: number, to: number): number {
    if (2 * (count + 1) > slots.length) {
      slots = new Int32Array(2 * slots.length).fill(-1)
      for (let entry = 0; entry < count; entry++) place(hashes[entry]!, entry)
      ;[hashes, ends, codes] = [widen(hashes), widen(ends), widen(codes)]
    }
    const start = startOf(count)
    const end = start + to - from
    if (end > texts.length) texts = Buffer.concat([texts], 2 * end)
    texts.set(bytes.subarray(from, to), start)
    hashes[count] = hash
    ends[count] = end
    const isBlank = texts.toString('utf8', start, end).trim() === ''
    codes[count] = isBlank ? -1 : count - blanks
    if (isBlank) blanks++
    place(hash, count)
    return codes[count++]!
  }

  return {
    codeOf(bytes, from, to) {
      if (from === to) return -1
      let hash = 0x811c9dc5
      for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
      const mask = slots.length - 1
      for (let slot = hash & mask; slots[slot]! >= 0; slot = (slot + 1) & mask) {
        const entry = slots[slot]!
        if (hashes[entry] === hash && isAt(entry, bytes, from, to)) return codes[entry]!
      }
      return add(hash, bytes, from, to)
    },
    labels() {
      const entries = Array.from({ length: count }, (_, entry) => entry).filter((entry) => codes[entry]! >= 0)
      return entries.map((entry) => texts.toString('utf8', startOf(entry), ends[entry]))
    },
    bytes: () => startOf(count) + count * entryBytes,
  }
}

function widen(some: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * some.length)
  more.set(some)
  return more
}
