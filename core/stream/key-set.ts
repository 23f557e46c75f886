const wordsPerKey = 4
/** Slots of an empty set: there are two sets for every partition, and most partitions are quiet. */
const firstSlots = 32

/**
 * A set of 16-byte digests, each with the time it was last seen: open addressing over typed arrays, 48 bytes a key at
 * most, where a Map of strings takes three times that. Digests are uniform, so their first word is hash enough.
 */
export class KeySet {
  #keys = new Uint32Array(firstSlots * wordsPerKey)
  #times = new Float64Array(firstSlots)
  #size = 0

  /** When the key was last put; undefined if it never was. */
  get(key: Uint8Array): number | undefined {
    const time = this.#times[this.#slot(words(key))]
    return time === 0 ? undefined : time
  }

  put(key: Uint8Array, time: number): void {
    if (this.#size * 2 >= this.#times.length) this.#grow()
    const four = words(key)
    const slot = this.#slot(four)
    if (this.#times[slot] === 0) {
      this.#keys.set(four, slot * wordsPerKey)
      this.#size++
    }
    // Zero marks an empty slot; no event is from 1970.
    this.#times[slot] = Math.max(time, 1)
  }

  /** Where the key is, or the empty slot where it would go. */
  #slot(key: Uint32Array): number {
    const mask = this.#times.length - 1
    let slot = (key[0] ?? 0) & mask
    while (this.#times[slot] !== 0) {
      const at = slot * wordsPerKey
      if (
        this.#keys[at] === key[0] &&
        this.#keys[at + 1] === key[1] &&
        this.#keys[at + 2] === key[2] &&
        this.#keys[at + 3] === key[3]
      ) {
        return slot
      }
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const [keys, times] = [this.#keys, this.#times]
    this.#keys = new Uint32Array(keys.length * 2)
    this.#times = new Float64Array(times.length * 2)
    for (const [i, time] of times.entries()) {
      if (time === 0) continue
      const key = keys.subarray(i * wordsPerKey, (i + 1) * wordsPerKey)
      const slot = this.#slot(key)
      this.#keys.set(key, slot * wordsPerKey)
      this.#times[slot] = time
    }
  }
}

function words(key: Uint8Array): Uint32Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  return Uint32Array.of(
    view.getUint32(0, true),
    view.getUint32(4, true),
    view.getUint32(8, true),
    view.getUint32(12, true),
  )
}
