import type { Bins } from './bins.ts'

/** Sums of gradients and hessians by bin, side by side: [bins of all features][2], and room for what fills up a word. */
export type Histogram = Float64Array

/** Rows in the order of a tree's nodes, with what the round knows of each. */
export interface Rows {
  readonly ids: Uint32Array
  /** By row, not by place. */
  readonly gradients: Float64Array
  readonly hessians: Float64Array
}

export function createHistograms(bins: Bins) {
  const size = (bins.offsets.at(-1)! + 256) * 2
  const free: Histogram[] = []
  return {
    take: (): Histogram => free.pop()?.fill(0) ?? new Float64Array(size),
    give: (histogram: Histogram): void => void free.push(histogram),
  }
}

/** Adds the rows from `begin` to before `end`. Ke et al. 2017, Algorithm 1. */
export function addRows(
  histogram: Histogram,
  { bins, check }: { readonly bins: Bins; readonly check: () => void },
  rows: Rows,
  begin: number,
  end: number,
): void {
  const features = bins.offsets.length - 1
  for (let f = 0; f < features; f += 4) {
    check()
    // What is not there counts in the room at the end.
    const at = (i: number) => bins.offsets[Math.min(f + i, features)]! * 2
    addWords(histogram, bins.words[f >>> 2]!, rows, begin, end, at(0), at(1), at(2), at(3))
  }
}

function addWords(
  histogram: Histogram,
  words: Uint32Array,
  { ids, gradients, hessians }: Rows,
  begin: number,
  end: number,
  at0: number,
  at1: number,
  at2: number,
  at3: number,
): void {
  for (let i = begin; i < end; i++) {
    const row = ids[i]!
    const word = words[row]!
    const gradient = gradients[row]!
    const hessian = hessians[row]!
    const bin0 = at0 + ((word << 1) & 510)
    const bin1 = at1 + ((word >>> 7) & 510)
    const bin2 = at2 + ((word >>> 15) & 510)
    const bin3 = at3 + ((word >>> 23) & 510)
    histogram[bin0]! += gradient
    histogram[bin0 + 1]! += hessian
    histogram[bin1]! += gradient
    histogram[bin1 + 1]! += hessian
    histogram[bin2]! += gradient
    histogram[bin2 + 1]! += hessian
    histogram[bin3]! += gradient
    histogram[bin3 + 1]! += hessian
  }
}

/** What is left of a node's histogram without one child's is the other child's. */
export function subtract(from: Histogram, histogram: Histogram): void {
  for (let i = 0; i < from.length; i++) from[i]! -= histogram[i]!
}
