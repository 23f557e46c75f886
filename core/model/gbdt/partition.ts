import type { Bins } from './bins.ts'
import type { Split } from './split.ts'

/** Puts the rows of a node that go left before those that go right, each in the order they had; how many go left. */
export function partition(
  { bins, spare }: { readonly bins: Bins; readonly spare: Uint32Array },
  split: Split,
  ids: Uint32Array,
  begin: number,
  end: number,
): number {
  const { feature } = split
  const left = leftBins(split, bins.offsets[feature + 1]! - bins.offsets[feature]! - 1)
  const words = bins.words[feature >>> 2]!
  const shift = (feature & 3) * 8
  let [kept, moved] = [begin, 0]
  for (let i = begin; i < end; i++) {
    const row = ids[i]!
    // Both are written and one is kept: a branch here would be guessed wrong half of the time.
    const goes = left[(words[row]! >>> shift) & 255]!
    ids[kept] = row
    spare[moved] = row
    kept += goes
    moved += 1 - goes
  }
  ids.set(spare.subarray(0, moved), kept)
  return kept - begin
}

function leftBins({ bin, members, missingLeft }: Split, missing: number): Uint8Array {
  const left = new Uint8Array(256)
  if (members === undefined) left.fill(1, 0, bin + 1)
  else for (const code of members) left[code] = 1
  left[missing] = Number(missingLeft)
  return left
}
