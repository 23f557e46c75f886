import { Failure } from '#mesh/errors.ts'
import { notAllowed } from './refusals.ts'
import type { Explain } from './gate.ts'
import type { Token } from './lexer.ts'

/** What EXPLAIN may show. QUERY TREE is not here: it connects to whatever the text names. */
const kinds: Readonly<Record<string, { readonly textOnly: boolean }>> = {
  '': { textOnly: false },
  AST: { textOnly: true },
  ESTIMATE: { textOnly: false },
  PIPELINE: { textOnly: false },
  SYNTAX: { textOnly: true },
}

/** Options of EXPLAIN itself that only change how it is printed. */
const options = new Set([
  'actions',
  'compact',
  'description',
  'header',
  'indexes',
  'json',
  'oneline',
  'pretty',
  'projections',
  'sorting',
])

export interface Parts {
  readonly explain: Explain | undefined
  readonly format: string | undefined
  /** Where the SELECT begins and ends in the printed text. */
  readonly start: number
  readonly end: number
  /** Its tokens. */
  readonly inner: readonly Token[]
}

/**
 * Takes a leading EXPLAIN and a trailing FORMAT off a printed text. What is left is judged as it is left, so a mistake
 * made here could only make a wrong text, never a dangerous one.
 */
export function explainOf(printed: string, tokens: readonly Token[]): Parts {
  let first = 0
  let explain: Explain | undefined
  if (isWord(tokens[0], 'EXPLAIN')) {
    let kind = ''
    first = 1
    const next = tokens[first]
    if (next?.kind === 'word' && !isSelect(next) && tokens[first + 1]?.text !== '=') {
      kind = next.text
      first++
    }
    const allowed = kinds[kind]
    if (allowed === undefined)
      throw notAllowed(`EXPLAIN ${kind} is not allowed: use EXPLAIN, or EXPLAIN AST, SYNTAX, PIPELINE or ESTIMATE.`)
    first = skipOptions(tokens, first)
    explain = { prefix: printed.slice(0, tokens[first]?.start ?? 0), textOnly: allowed.textOnly }
  }
  const select = tokens[first]
  if (select === undefined || !isSelect(select)) throw notAllowed('Only SELECT and EXPLAIN of a SELECT are allowed.')
  const last = tokens.at(-1)
  const hasFormat =
    isWord(tokens.at(-2), 'FORMAT') && (last?.kind === 'word' || last?.kind === 'name') && !isWord(tokens.at(-3), 'AS')
  const inner = tokens.slice(first, hasFormat ? -2 : undefined)
  return {
    explain,
    format: hasFormat ? last.value : undefined,
    start: select.start,
    end: inner.at(-1)?.end ?? select.start,
    inner,
  }
}

/** `name = value, …`, where every name is known. */
function skipOptions(tokens: readonly Token[], from: number): number {
  let at = from
  while (tokens[at]?.kind === 'word' && tokens[at + 1]?.text === '=') {
    const name = tokens[at]?.text ?? ''
    const value = tokens[at + 2]
    if (!options.has(name) || value?.kind !== 'number') {
      throw new Failure('query.not_allowed', `EXPLAIN cannot have the option \`${name}\` here.`, {
        hint: `It can have ${[...options].join(', ')}, each 0 or 1.`,
      })
    }
    at += tokens[at + 3]?.text === ',' ? 4 : 3
  }
  return at
}

function isSelect(token: Token): boolean {
  return (token.kind === 'word' && (token.text === 'SELECT' || token.text === 'WITH')) || token.text === '('
}

function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text === text
}
