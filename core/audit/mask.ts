const secret = /\b(?:ewr?_[\w-]{8,}|eyJ[\w-]+\.[\w-]+\.[\w-]*)/g
const address = /([^\s@"'<>]{1})[^\s@"'<>]*@([\w.-]+\.\w+)/g
const maxLength = 500

/** The text without what an audit log must not keep: our keys and tokens, JWTs, and who a mail address is of. */
export function mask(text: string): string {
  return text
    .slice(0, maxLength)
    .toWellFormed()
    .replaceAll('\0', '')
    .replace(secret, '***')
    .replace(address, '$1***@$2')
}

/** The same for every text inside a value. */
export function masked(value: unknown): unknown {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.slice(0, 200).map(masked)
  if (typeof value !== 'object' || value === null) return value ?? null
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [mask(name), masked(member)]))
}
