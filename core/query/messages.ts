import { Failure } from '#mesh/errors.ts'
import { placeAt } from '../place.ts'
import type { FailedQuery } from './errors.ts'

/** A failure of the parser, with its place. `offset` is in characters, `byteOffset` in bytes, both from 0. */
export function syntaxFailure(message: string, sql: string, offset?: number, byteOffset?: number): Failure {
  const at = offset ?? (byteOffset === undefined ? undefined : charactersBefore(sql, byteOffset))
  return new Failure('query.syntax', syntaxWords(message), {
    errors: [{ ...(at === undefined ? {} : placeAt(sql, at)), reason: 'cannot be parsed from here' }],
  })
}

/** How many of the things that the parser would have taken are worth reading. */
const maxExpected = 12

function syntaxWords(message: string): string {
  const [said = '', expected] = message
    .replace(/: In scope [\s\S]*$/, '')
    .replace(/Syntax error(?: \(([^)]*)\))?: /, (_, why: string | undefined) => (why === undefined ? '' : `${why}: `))
    .replace(/failed at position \d+ /, 'unexpected ')
    .replace(/ ?\(line \d+, col \d+\)/, '')
    .split('. Expected ')
  const words = expected?.replace(/^one of: /, '').split(', ') ?? []
  const list = words.length > maxExpected ? '' : ` Expected ${words.join(', ')}`
  return shortened(`${shortened(said)}${words.length === 0 ? '' : list}`)
}

function charactersBefore(sql: string, byteOffset: number): number {
  return Buffer.from(sql).subarray(0, byteOffset).toString('utf8').length
}

export function placeOfName(sql: string, name: string): { readonly line?: number; readonly column?: number } {
  const last = name.split('.').at(-1) ?? name
  for (const wanted of [name, last]) {
    const at = wanted === '' ? -1 : sql.indexOf(wanted)
    if (at >= 0) return placeAt(sql, at)
  }
  return {}
}

/** The engine's message without what is ours or internal: scopes, frames, generated aliases, the database's name. */
export function cleaned(message: string, query: Pick<FailedQuery, 'workspace' | 'filtered'>): string {
  let words = message
    .replace(/:? ?[Ii]n scope [\s\S]*$/, '')
    // It would name tables of other workspaces.
    .replace(/\.? ?Maybe you meant[\s\S]*$/, '')
    .replace(/: ?[Ww]hile executing[\s\S]*$/, '')
    .replace(/: ?[Ww]hile (?:processing|converting|reading|calculating)[\s\S]*$/, '')
    .replace(/ ?\(version [\s\S]*$/, '')
    .replaceAll(/'[^']*\b(?:accurateCastOrNull|additional_table_filters)\b[^']*'/g, '…')
    .replaceAll(/\b__table\d+\./g, '')
    .replaceAll(/\/(?:[\w.-]+\/){2,}[\w.-]*/g, '…')
  words = plainName(words, query)
  if (query.filtered) words = words.replaceAll(/'(?:[^'\\]|\\.)*'/gs, "'…'")
  return shortened(words)
}

export function plainName(words: string, query: Pick<FailedQuery, 'workspace'>): string {
  return words
    .replaceAll(new RegExp(`(?<![\\w.])\`?(?:_masked_)?${query.workspace}\`?\\.(?=[\`\\w])`, 'g'), '')
    .replaceAll(/\b__table\d+\./g, '')
}

function shortened(words: string): string {
  const trimmed = words.trim().replace(/[.:\s]+$/, '')
  return `${trimmed.length > 600 ? `${trimmed.slice(0, 600)}…` : trimmed}.`
}
