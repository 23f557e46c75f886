/** An identifier as ClickHouse reads it, whatever is in it. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}

/** A column of the rows that are read `FROM (…) AS _rows`, whatever else is called so beside it. */
export function quoteOfRows(name: string): string {
  return `_rows.${quoteName(name)}`
}

/** A text as ClickHouse reads it, whatever is in it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
