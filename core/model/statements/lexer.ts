import { plainAt, quotedAt } from './quotes.ts'

/**
 * ClickHouse's lexical rules (its src/Parsers/Lexer.cpp, tried against the engine), one token at a time: where a
 * statement of ours ends and a SELECT in it begins and ends must be exactly what the engine would see. Comments are
 * `--`, `//`, `# ` and `#!` to the end of the line, and block comments, which nest.
 */
export type TokenKind = 'word' | 'name' | 'text' | 'bytes' | 'number' | 'sign' | 'end' | 'wrong'

export interface Token {
  readonly kind: TokenKind
  /** As written, quotes included. Of what is wrong: why. */
  readonly text: string
  /** Without quotes and escapes. */
  readonly value: string
  readonly start: number
  readonly end: number
}

const space = /[ \t\n\r\f\v\u0085\u00A0\u1680\u180E\u2000-\u200D\u2028\u2029\u202F\u205F\u2060\u3000\uFEFF]+/y
const lineComment = /(?:--|\/\/|# |#!)[^\n]*/y
const word = /[A-Za-z_][\w$]*|\$[\w$]+/y
const digits = /\d[\d_]*/y
const number = /0[xX][\da-fA-F][\da-fA-F_]*|0[bB][01][01_]*|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?[\d_]*)?/y
const numberedName = /\d\w*/y
const bytes = /[xX]'[\da-fA-F]*'|[bB]'[01]*'/y
const heredoc = /\$\w*\$/y
const sign = /->|==|!=|<=>|<=|>=|<>|::|\|\||@@|[()[\]{},;.+\-*/%=<>?:|@^$−]/y

/** The token at `from` or after it. `before` is the last one: after a dot come the digits of a version, not a fraction. */
export function tokenAt(sql: string, from: number, before: Token | undefined): Token {
  const start = skipSpace(sql, from)
  const first = sql.charAt(start)
  if (first === '') return { kind: 'end', text: '', value: '', start, end: start }
  if (sql.startsWith('/*', start)) return wrong(sql, start, 'This comment is not closed.')
  if (isNumber(first, sql.charAt(start + 1), before)) return numberAt(sql, start, before)
  const quoted = '\'"`‘“$'.includes(first) ? inQuotes(sql, start, first) : undefined
  if (quoted !== undefined) return quoted
  for (const [kind, pattern] of patterns) {
    const text = matchAt(pattern, sql, start)
    if (text !== undefined) return { kind, text, value: text, start, end: start + text.length }
  }
  return wrong(sql, start, `${JSON.stringify(String.fromCodePoint(sql.codePointAt(start) ?? 0))} has no meaning here.`)
}

const patterns = [
  ['bytes', bytes],
  ['word', word],
  ['sign', sign],
] as const

function matchAt(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.test(sql) ? sql.slice(at, pattern.lastIndex) : undefined
}

/** Where spaces and comments end; a comment that is not closed stays. */
function skipSpace(sql: string, from: number): number {
  for (let at = from; ;) {
    const letter = sql.charCodeAt(at)
    // Most often nothing is to be skipped: a letter, a digit, a bracket.
    if (letter > 47 && letter < 127) return at
    const skipped = matchAt(space, sql, at) ?? matchAt(lineComment, sql, at)
    const end = skipped === undefined ? endOfComment(sql, at) : at + skipped.length
    if (end === undefined) return at
    at = end
  }
}

function endOfComment(sql: string, start: number): number | undefined {
  if (!sql.startsWith('/*', start)) return undefined
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return undefined
}

/** Undefined of a `$` that opens no heredoc. */
function inQuotes(sql: string, start: number, first: string): Token | undefined {
  const open = first === '$' ? matchAt(heredoc, sql, start) : first
  if (open === undefined) return undefined
  const token = (): Token | undefined => {
    if (first === "'") return quotedAt(sql, start, 'text')
    if (first === '‘') return plainAt(sql, start, 'text', open, '’')
    if (first === '“') return plainAt(sql, start, 'name', open, '”')
    return first === '$' ? plainAt(sql, start, 'text', open, open) : quotedAt(sql, start, 'name')
  }
  return token() ?? wrong(sql, start, `This ${open.slice(0, 40)} is not closed.`)
}

/** Just after a name, a bracket or a number, a dot leads to a part of it. */
function isNumber(first: string, second: string, before: Token | undefined): boolean {
  if (isDigit(first)) return true
  if (first !== '.' || !isDigit(second)) return false
  if (before === undefined) return true
  return !['word', 'name', 'number'].includes(before.kind) && before.text !== ')' && before.text !== ']'
}

function isDigit(letter: string): boolean {
  return letter >= '0' && letter <= '9'
}

/** Digits with letters after them are a name that begins so: `1st`. After `.5` letters begin anew. */
function numberAt(sql: string, start: number, before: Token | undefined): Token {
  const fraction = sql.charAt(start) === '.'
  const figures = matchAt(before?.text === '.' && !fraction ? digits : number, sql, start) ?? ''
  const end = start + figures.length
  if (fraction || !/\w/.test(sql.charAt(end))) return { kind: 'number', text: figures, value: figures, start, end }
  const name = matchAt(numberedName, sql, start) ?? ''
  if (name.length <= figures.length) return wrong(sql, start, 'This is not a number.')
  return { kind: 'word', text: name, value: name, start, end: start + name.length }
}

function wrong(sql: string, start: number, reason: string): Token {
  return { kind: 'wrong', text: reason, value: '', start, end: sql.length }
}
