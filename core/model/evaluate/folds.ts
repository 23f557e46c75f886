import { createRandom } from '../random.ts'

interface FoldsOptions {
  readonly seed: number
  /** Gives every fold its share of every class; `target` is then codes. */
  readonly stratified: boolean
}

/** Deals the rows into k parts, each [rows / k] and ascending. Fewer rows than k give fewer parts. */
export function folds(target: Float64Array, k: number, { seed, stratified }: FoldsOptions): Int32Array[] {
  const rows = shuffled(target.length, seed)
  // Stable, so that within a class the order stays random; dealing on through the classes keeps the sizes even.
  if (stratified) rows.sort((a, b) => target[a]! - target[b]!)
  const parts = Array.from({ length: Math.min(k, rows.length) }, (): number[] => [])
  for (const [at, row] of rows.entries()) parts[at % parts.length]!.push(row)
  return parts.map((part) => Int32Array.from(part).sort())
}

/** The rows in their order, cut into k parts: of rows in the order of time, so that neighbours stay together. */
export function blocks(rows: number, k: number): Int32Array[] {
  const count = Math.min(k, rows)
  const from = (part: number): number => Math.round((part * rows) / count)
  return Array.from({ length: count }, (_, part) =>
    Int32Array.from({ length: from(part + 1) - from(part) }, (__, at) => from(part) + at),
  )
}

/** The rows that are in none of the parts but one: what is trained from when that one is held out. */
export function allBut(parts: readonly Int32Array[], out: number): Int32Array {
  const rows = parts.flatMap((part, at) => (at === out ? [] : [...part]))
  return Int32Array.from(rows).sort()
}

/** 0 to rows − 1 in an order that the seed decides (Durstenfeld 1964). */
export function shuffled(rows: number, seed: number): Int32Array {
  const random = createRandom(seed)
  const order = Int32Array.from({ length: rows }, (_, row) => row)
  for (let last = rows - 1; last > 0; last--) {
    const at = Math.floor(random() * (last + 1))
    const kept = order[last]!
    order[last] = order[at]!
    order[at] = kept
  }
  return order
}
