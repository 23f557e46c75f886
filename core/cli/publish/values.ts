/** A piece of a list: separated by commas, which quotes protect. */
export function split(text: string, separator: ',' | '|' = ','): readonly string[] {
  const pieces: string[] = []
  let piece = ''
  let quote = ''
  for (const character of text) {
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === "'" || character === '"') quote = character
    if (character === separator && quote === '') {
      pieces.push(piece.trim())
      piece = ''
    } else piece += character
  }
  return [...pieces, piece.trim()]
}

/** `'a b'`, `"a b"` or `a`. */
export function unquoted(text: string): string {
  const match = /^(['"])(.*)\1$/s.exec(text.trim())
  return match === null ? text.trim() : (match[2] ?? '')
}
