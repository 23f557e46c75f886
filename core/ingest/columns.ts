import { parseType, TypeProblem } from './parse-type.ts'
import { typeText } from './types.ts'

/** Letters of any script, digits, `_` and `-`, inner blanks or dots; a leading `_` is the system's. */
const shape = /^\p{L}(?:[\p{L}\p{M}\p{N}_\- .]*[\p{L}\p{M}\p{N}_-])?$/u

/** Why a column cannot be called so, or undefined. */
export function columnNameProblem(name: string, maxBytes: number): string | undefined {
  if (name === '') return 'a column must have a name'
  if (name.startsWith('_')) return 'a column’s name cannot begin with `_`, which is the system’s'
  if (Buffer.byteLength(name) > maxBytes) return `a column’s name has at most ${maxBytes} bytes`
  if (name.includes('..') || !shape.test(name)) {
    return 'a column’s name is a letter, then letters, digits, `_` and `-`, with blanks and dots inside'
  }
  return undefined
}

/** The type as it will stand in the table, or why it cannot. */
export function columnType(name: string, text: string): { readonly type: string } | { readonly reason: string } {
  try {
    const type = parseType(text)
    if (name.includes('.') && type.kind === 'Array') {
      return { reason: 'cannot be an Array in a column with a dot: such lists would have to be equally long' }
    }
    return { type: typeText(type) }
  } catch (error) {
    if (error instanceof TypeProblem) return { reason: error.message }
    throw error
  }
}
