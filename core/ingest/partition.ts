/**
 * What a client may write into DDL beside names and types. Both are read by these small grammars and written anew:
 *
 *   partition key = column | function "(" column ")"
 *   time to live  = number unit
 */
export const partitionFunctions = [
  'toYYYYMM',
  'toYYYYMMDD',
  'toYear',
  'toStartOfMonth',
  'toStartOfWeek',
  'toMonday',
  'toDate',
]

/** The key and the column it is of, or undefined where the text is not in the grammar. */
export function parsePartitionKey(text: string): { readonly key: string; readonly column: string } | undefined {
  const trimmed = text.trim()
  const call = /^(\w+)\s*\(\s*(.+?)\s*\)$/s.exec(trimmed)
  if (call === null) return { key: trimmed, column: trimmed }
  const [, name = '', inner = ''] = call
  const column = /^`[^`]*`$/.test(inner) ? inner.slice(1, -1) : inner
  return partitionFunctions.includes(name) ? { key: `${name}(${column})`, column } : undefined
}

/** `90 DAY` in its canonical form, or undefined. */
export function parseTtl(text: string): string | undefined {
  const match = /^\s*(\d{1,6})\s+(SECOND|MINUTE|HOUR|DAY|WEEK|MONTH|YEAR)S?\s*$/i.exec(text)
  if (match === null || Number(match[1]) === 0) return undefined
  return `${Number(match[1])} ${(match[2] ?? '').toUpperCase()}`
}
