import type { Feature } from '../feature.ts'
import { createRandom } from '../random.ts'

/** A bin fits a byte, and one of the 256 is of what is missing. */
export const maxBins = 255

/** Of more rows than this, cuts come from a sample: bins need not be of exactly as many rows each. */
const maxSampled = 50_000

/** The features as small whole numbers, found once: all that the growing of trees looks at. */
export interface Bins {
  /** Upper edges of a number's bins, the last of them infinite: bin b has cuts[b − 1] < x ≤ cuts[b]. A category's bin is its code. */
  readonly cuts: readonly (Float32Array | undefined)[]
  /** Where in a histogram a feature's bins begin, and where the last one's end; each feature's last bin is of what is missing. */
  readonly offsets: Int32Array
  /** Bins of four features in a word: shape [ceil(features / 4)][rows]. One load serves four histograms. */
  readonly words: readonly Uint32Array[]
}

/** @param rows those that the cuts may depend on */
export function binsOf(features: readonly Feature[], rows: Uint32Array, bins: number, check: () => void): Bins {
  const offsets = new Int32Array(features.length + 1)
  const words = Array.from(
    { length: Math.ceil(features.length / 4) },
    () => new Uint32Array(features[0]?.values.length ?? 0),
  )
  const cuts = features.map(({ values, labels }, f) => {
    check()
    const edges = labels === undefined ? cutsOf(values, rows, bins) : undefined
    const missing = edges?.length ?? labels?.length ?? 0
    offsets[f + 1] = offsets[f]! + missing + 1
    pack(words[f >>> 2]!, (f & 3) * 8, values, edges, missing)
    return edges
  })
  return { cuts, offsets, words }
}

function pack(
  words: Uint32Array,
  shift: number,
  values: Float32Array,
  edges: Float32Array | undefined,
  missing: number,
): void {
  for (let row = 0; row < values.length; row++) {
    const x = values[row]!
    let bin = missing
    if (edges !== undefined) {
      if (x === x) bin = binOf(edges, x)
    } else if (x >= 0 && x < missing) bin = x
    words[row]! |= bin << shift
  }
}

/** The first bin whose upper edge is not below x. Steps instead of branches: those would be guessed wrong half of the time. */
function binOf(edges: Float32Array, x: number): number {
  let bin = 0
  for (let step = edges.length; step > 1;) {
    const half = step >>> 1
    bin += Number(x > edges[bin + half - 1]!) * half
    step -= half
  }
  return bin
}

/** Every distinct value has a bin of its own where they suffice; else the bins are of about as many rows each. */
function cutsOf(values: Float32Array, rows: Uint32Array, bins: number): Float32Array {
  const sorted = sampleOf(values, rows)
  let distinct = Math.min(sorted.length, 1)
  for (let i = 1; i < sorted.length; i++) distinct += Number(sorted[i] !== sorted[i - 1])
  const cuts: number[] = []
  let [begin, remaining] = [0, sorted.length]
  for (let i = 1; i < sorted.length && cuts.length < bins - 1; i++) {
    if (sorted[i] === sorted[i - 1]) continue
    if (distinct > bins && (i - begin) * (bins - cuts.length) < remaining) continue
    cuts.push(between(sorted[i - 1]!, sorted[i]!))
    remaining -= i - begin
    begin = i
  }
  return Float32Array.from([...cuts, Infinity])
}

/** A float32 t with a ≤ t < b, so that training and a runtime that compares float32 take the same branch. */
function between(a: number, b: number): number {
  const middle = Math.fround(a / 2 + b / 2)
  return middle >= a && middle < b ? middle : a
}

/** The present values of the rows, or of one of each so many, in order. */
function sampleOf(values: Float32Array, rows: Uint32Array): Float32Array {
  const step = Math.max(1, rows.length / maxSampled)
  const sample = new Float32Array(Math.floor(rows.length / step))
  const random = createRandom(1)
  let count = 0
  for (let i = 0; i < sample.length; i++) {
    const x = values[rows[step === 1 ? i : Math.floor((i + random()) * step)]!]!
    if (x === x) sample[count++] = x
  }
  return sample.subarray(0, count).sort()
}
