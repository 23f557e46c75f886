import type { Token, TokenKind } from './lexer.ts'

/** What stands in quotes, from the first to the last; undefined where there is no last. */
export function quotedAt(sql: string, start: number, kind: TokenKind): Token | undefined {
  const quote = sql.charAt(start)
  for (let at = start + 1; at < sql.length; at++) {
    const letter = sql.charAt(at)
    if (letter === '\\') at++
    else if (letter === quote) {
      if (sql.charAt(at + 1) === quote) at++
      else return { kind, text: sql.slice(start, at + 1), value: unquote(sql, start, at), start, end: at + 1 }
    }
  }
  return undefined
}

/** What stands between typographic quotes or the tags of a heredoc, where nothing is escaped. */
export function plainAt(sql: string, start: number, kind: TokenKind, open: string, close: string): Token | undefined {
  const at = sql.indexOf(close, start + open.length)
  if (at < 0) return undefined
  const end = at + close.length
  return { kind, text: sql.slice(start, end), value: sql.slice(start + open.length, at), start, end }
}

const controls: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  e: '\u001B',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  0: '\0',
}

/** A backslash before what needs none stays: `'10\%'` is for LIKE. */
function unquote(sql: string, start: number, end: number): string {
  const quote = sql.charAt(start)
  const meant = (found: string, hex?: string, escaped?: string, doubled?: string): string => {
    if (hex !== undefined) return Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString('utf8')
    if (escaped !== undefined) return controls[escaped] ?? (`\\'"\`/`.includes(escaped) ? escaped : found)
    return doubled === quote ? quote : found
  }
  return sql.slice(start + 1, end).replaceAll(/((?:\\x[\da-fA-F]{2})+)|\\(.)|(['"`])\3/gs, meant)
}
