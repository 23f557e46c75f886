import { array, constantFrom, type Arbitrary } from 'fast-check'
import { Failure } from '../../../../mesh/errors.ts'

/** What may stand between two words and mean nothing. */
export const gap: Arbitrary<string> = array(
  constantFrom(
    ' ',
    '\n',
    '\t\r\n',
    '\u00A0',
    '\uFEFF ',
    '/**/',
    '/* ) */',
    "/* it's /* nested; */ ( */",
    "-- it's )\n",
    '# `\n',
    '#!x\n',
    '// "\n',
  ),
  { minLength: 1, maxLength: 3 },
).map((parts) => parts.join(''))

/** A word in a mixture of cases. */
export function inCase(word: string, seed: number): string {
  return Array.from(word, (letter, at) => ((seed >> (at % 30)) & 1 ? letter.toUpperCase() : letter.toLowerCase())).join(
    '',
  )
}

/** The three ways to write a name. */
export function inQuotes(name: string, way: number): string {
  const escaped = name.replaceAll('\\', '\\\\')
  if (way % 3 === 1 || !/^[A-Za-z_]\w*$/.test(name)) return `\`${escaped.replaceAll('`', '``')}\``
  return way % 3 === 2 ? `"${escaped.replaceAll('"', '\\"')}"` : name
}

/** A text as a literal. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** What came of it: `parsed`, `none`, or the problem and place of its failure. Any other exception is a bug. */
export function outcomeOf(work: () => unknown): string {
  try {
    return work() === undefined ? 'none' : 'parsed'
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    const [first] = thrown.errors
    return `${thrown.problem} ${first?.line ?? 0}:${first?.column ?? 0}`
  }
}

/** The same without places: what was meant, wherever it stands. */
export function withoutSpans(value: unknown): unknown {
  if (value instanceof Map) return [...value.entries()]
  if (Array.isArray(value)) return value.map(withoutSpans)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([name]) => !['start', 'end', 'spans'].includes(name))
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutSpans(inner)]))
}

export function failureOf(work: () => unknown): Failure {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
    throw thrown
  }
  throw new Error('It did not fail.')
}
