import type { Column } from '../table.ts'

/** The column before that says the same: equal numbers or times, or texts that stand one for one. */
export function findDuplicate(column: Column, before: readonly Column[]): string | undefined {
  const first = before.find((other) => isSame(column, other))
  return first && `the same as \`${first.name}\`, row by row`
}

function isSame(a: Column, b: Column): boolean {
  if (a.kind === 'category') return b.kind === 'category' && standsFor(a.codes, b.codes)
  return b.kind === a.kind && a.values.every((value, row) => Object.is(value, b.values[row]))
}

/** Whether each code of one is one code of the other, and back. */
function standsFor(a: Int32Array, b: Int32Array): boolean {
  const toB = new Map<number, number>()
  const toA = new Map<number, number>()
  return a.every((code, row) => {
    const other = b[row]!
    const [known, back] = [toB.get(code), toA.get(other)]
    if (known === undefined && back === undefined) {
      toB.set(code, other)
      toA.set(other, code)
      return true
    }
    return known === other && back === code
  })
}
