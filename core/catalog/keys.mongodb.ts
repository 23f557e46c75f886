/**
 * MongoDB takes a name that begins with `$` for an operator and one with a `.` for a path, and its driver an object with a
 * `_bsontype` for a value of its own. JSON has such names, so they are kept percent-encoded, and `%` with them.
 */
const special = /%|\.|^\$|^_(?=bsontype$)/g
const encoded = /%(25|2E|24|5F)/g

/** A JSON value as it is kept. */
export function encodeKeys(value: unknown): unknown {
  return withKeys(value, (name) => name.replace(special, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`))
}

/** The JSON value that is kept so. */
export function decodeKeys(value: unknown): unknown {
  return withKeys(value, (name) => name.replace(encoded, (_, code: string) => String.fromCharCode(parseInt(code, 16))))
}

function withKeys(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((member) => withKeys(member, rename))
  if (typeof value !== 'object' || value === null) return value
  // Whatever they are called: `__proto__` is a member as any other.
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [rename(name), withKeys(member, rename)]))
}
