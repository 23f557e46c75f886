import { closest } from '#mesh/closest.ts'

/** The parameters of an engine's URL, each of which must be one of these and there once; else what is wrong with them. */
export function readParameters<Name extends string>(url: URL, names: readonly Name[]): Map<Name, string> | string {
  const given = new Map<Name, string>()
  for (const [name, value] of url.searchParams) {
    const known = names.find((one) => one === name)
    if (known === undefined) {
      const near = closest(name, names)
      return `has an unknown parameter ${name.slice(0, 40)}${near === undefined ? `; there are ${names.join(', ')}` : `; did you mean ${near}?`}`
    }
    if (given.has(known)) return `has ${name} twice`
    given.set(known, value)
  }
  return given
}

/** Throws a RangeError with the reason where it is another value. */
export function oneOf<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw new RangeError(`${name} must be one of ${allowed.join(', ')}`)
  return found
}

/** Throws a RangeError with the reason where it is none. */
export function wholeOf<Name extends string>(
  name: Name,
  given: ReadonlyMap<Name, string>,
  { or, least, most }: { readonly or: number; readonly least: number; readonly most: number },
): number {
  const value = Number(given.get(name) ?? or)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}`)
  }
  return value
}

/** Where nothing goes over a network: a socket's path, or this machine. */
export function isLocal(host: string): boolean {
  return host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(host)
}
