/** Where an offset in a text of SQL is: line and column from 1, in characters as people count them (code points). */
export function placeAt(sql: string, offset: number): { readonly line: number; readonly column: number } {
  const before = sql.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: Array.from(before.slice(lineStart)).length + 1 }
}
