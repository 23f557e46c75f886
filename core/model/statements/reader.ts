import { closest } from '#mesh/closest.ts'
import type { Failure } from '#mesh/errors.ts'
import { tokenAt, type Token } from './lexer.ts'
import { syntaxFailure } from './place.ts'
import type { Span } from './statement.ts'

/**
 * Reads a text token by token, no further than it is asked. It remembers what was looked for at the present place, so
 * that a failure can say what was expected there.
 */
export interface Reader {
  readonly sql: string
  /** The next token, which stays. */
  peek(): Token
  next(): Token
  /** Takes a keyword if it comes next: once its first word is there, the others must be. `ORDER BY` */
  accept(keyword: string): boolean
  expect(keyword: string): void
  acceptSign(sign: string): Token | undefined
  expectSign(sign: string): Token
  failure(at: Pick<Span, 'start'>, detail: string, wayOut?: string): Failure
  /** `what` and whatever else was looked for here is not there. */
  unexpected(what?: string): Failure
}

/** `hint` is the way out of whatever has none of its own. */
export function createReader(sql: string, hint?: string): Reader {
  let ahead: Token | undefined
  let before: Token | undefined
  const expected = new Set<string>()

  const failure = (at: Pick<Span, 'start'>, detail: string, wayOut = hint) => syntaxFailure(sql, at, detail, wayOut)

  const peek = (): Token => (ahead ??= tokenAt(sql, before?.end ?? 0, before))

  function next(): Token {
    const token = peek()
    if (token.kind === 'wrong') throw failure(token, token.text)
    // At the end there is nothing to go past.
    if (token.kind === 'end') return token
    before = token
    ahead = undefined
    expected.clear()
    return token
  }

  function accept(keyword: string): boolean {
    const [first = '', ...others] = keyword.split(' ')
    if (!isWord(peek(), first)) {
      expected.add(keyword)
      return false
    }
    next()
    for (const other of others) expect(other)
    return true
  }

  function expect(keyword: string): void {
    if (!accept(keyword)) throw unexpected()
  }

  function acceptSign(sign: string): Token | undefined {
    const token = peek()
    if (token.kind === 'sign' && token.text === sign) return next()
    expected.add(sign)
    return undefined
  }

  function expectSign(sign: string): Token {
    const token = acceptSign(sign)
    if (token === undefined) throw unexpected()
    return token
  }

  function unexpected(what?: string): Failure {
    const token = peek()
    if (token.kind === 'wrong') return failure(token, token.text)
    if (what !== undefined) expected.add(what)
    const found = token.kind === 'end' ? 'but the text ends' : `not \`${shown(token.text)}\``
    const near = token.kind === 'word' ? closest(token.text, keywordsOf(expected)) : undefined
    const wayOut = near === undefined ? hint : `Did you mean \`${near}\`?`
    return failure(token, `Expected ${listed([...expected].map(spelt))}, ${found}.`, wayOut)
  }

  return { sql, peek, next, accept, expect, acceptSign, expectSign, failure, unexpected }
}

export function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.text.toUpperCase() === word
}

/** Of `ORDER BY` the first word, which is what was probably misspelt. */
function keywordsOf(expected: ReadonlySet<string>): readonly string[] {
  return [...expected].filter((what) => /^[A-Z ]+$/.test(what)).map((keyword) => keyword.split(' ')[0] ?? '')
}

/** Signs stand in backticks: among words a comma would be lost. */
function spelt(what: string): string {
  return /^\W+$/.test(what) ? `\`${what}\`` : what
}

/** `a`, `a or b`, `a, b or c` */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`
}

function shown(text: string): string {
  const [line = ''] = text.split('\n')
  return line.length > 40 || line.length < text.length ? `${line.slice(0, 40)}…` : line
}
