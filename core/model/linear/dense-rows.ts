import type { Dense } from '../features/dense.ts'

/** The rows named, in that order. */
export function denseRows({ names, values }: Dense, rows: Int32Array): Dense {
  const some = new Float32Array(rows.length * names.length)
  for (const [to, from] of rows.entries()) {
    some.set(values.subarray(from * names.length, (from + 1) * names.length), to * names.length)
  }
  return { rows: rows.length, names, values: some }
}
