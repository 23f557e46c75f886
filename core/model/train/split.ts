import { shuffled } from '../evaluate/folds.ts'
import type { Holdout } from './card.ts'

interface SplitOptions {
  /** 0: a regression. */
  readonly classes: number
  readonly isOrdered: boolean
  readonly seed: number
}

interface Split {
  readonly learned: Int32Array
  readonly held: Int32Array
  readonly how: Holdout['split']
}

/** Rows to learn from and rows to be judged on, at least one of each; in the order of time the last are held out. */
export function split(target: Float64Array, share: number, { classes, isOrdered, seed }: SplitOptions): Split {
  const rows = target.length
  const count = Math.min(Math.max(1, Math.round(rows * share)), rows - 1)
  const order = isOrdered
    ? Int32Array.from({ length: rows }, (_, row) => rows - 1 - row)
    : classes > 0
      ? evenly(target, seed)
      : shuffled(rows, seed)
  const [held, learned] = [order.slice(0, count).sort(), order.slice(count).sort()]
  return { learned, held, how: isOrdered ? 'last' : classes > 0 ? 'stratified' : 'random' }
}

/** An order of which every beginning has its share of every class: each row at its place within its class. */
function evenly(target: Float64Array, seed: number): Int32Array {
  const rows = shuffled(target.length, seed)
  const counts = new Map<number, number>()
  const places = new Float64Array(target.length)
  for (const row of rows) {
    const before = counts.get(target[row]!) ?? 0
    places[row] = before
    counts.set(target[row]!, before + 1)
  }
  for (const row of rows) places[row] = (places[row]! + 0.5) / counts.get(target[row]!)!
  return rows.sort((a, b) => places[a]! - places[b]!)
}
