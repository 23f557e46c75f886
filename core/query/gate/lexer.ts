/**
 * Reads the text that the engine's own formatter prints (`formatQuerySingleLine`): one line, no comments, no heredocs,
 * every odd name in backticks and every text in single quotes, both with backslash escapes. It reads nothing else, and
 * decides nothing about safety: the engine's parser does. It finds places (of parameters, of a trailing FORMAT) and names.
 */
export type TokenKind = 'word' | 'name' | 'text' | 'number' | 'parameter' | 'sign'

export interface Token {
  readonly kind: TokenKind
  /** As printed, quotes included. */
  readonly text: string
  /** A name without its quotes. */
  readonly value: string
  readonly start: number
  readonly end: number
}

const word = /[\p{L}_][\p{L}\p{N}_$]*/uy
const number = /\d[\w.]*(?:(?<=[eE])[-+]?\d+)?/y
const name = /`(?:[^`\\]|\\.)*`/sy
const text = /'(?:[^'\\]|\\.)*'/sy
const parameter = /\{([A-Za-z_]\w*):([^{}]*)\}/y
const space = / +/y

/** The tokens, or undefined where the text is not what a formatter prints. */
export function tokensOf(sql: string): readonly Token[] | undefined {
  const tokens: Token[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    return pattern.exec(sql)
  }
  while (at < sql.length) {
    const gap = take(space)
    if (gap !== null) {
      at += gap[0].length
      continue
    }
    const token = next(take, sql.charAt(at), at)
    if (token === undefined) return undefined
    tokens.push(token)
    at = token.end
  }
  return tokens
}

function next(take: (pattern: RegExp) => RegExpExecArray | null, first: string, start: number): Token | undefined {
  const token = (kind: TokenKind, text: string, value = text): Token => ({
    kind,
    text,
    value,
    start,
    end: start + text.length,
  })
  if (first === '`') {
    const found = take(name)
    return found === null ? undefined : token('name', found[0], unescape(found[0].slice(1, -1)))
  }
  if (first === "'") {
    const found = take(text)
    return found === null ? undefined : token('text', found[0])
  }
  if (first === '{') {
    const found = take(parameter)
    return found === null ? undefined : token('parameter', found[0], found[1] ?? '')
  }
  const found = take(word)
  if (found !== null) return token('word', found[0])
  const digits = take(number)
  if (digits !== null) return token('number', digits[0])
  // Control characters are never printed outside quotes.
  return first < ' ' || first === '\u007F' ? undefined : token('sign', first)
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  0: '\0',
  b: '\b',
  f: '\f',
  a: '\u0007',
  v: '\v',
  e: '\u001B',
}

function unescape(quoted: string): string {
  return quoted.replaceAll(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter)
}
