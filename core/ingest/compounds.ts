import { elementsOf, membersOf } from './scan.ts'
import { type ColumnType, typeText } from './types.ts'
import { type Check, type Checked, clip, expected } from './verdict.ts'

/** Checks of types that hold other values: every element's own text is judged, and rewritten where it must be. */
export function compoundCheck(
  type: Extract<ColumnType, { kind: 'Array' } | { kind: 'Map' } | { kind: 'JSON' }>,
  checkOf: (type: ColumnType) => Check,
): Check {
  if (type.kind === 'JSON') return documentCheck
  const name = typeText(type)
  const check = checkOf(type.of)
  if (type.kind === 'Map') return mapCheck(name, check)
  return (value, text, start, end) => {
    if (!Array.isArray(value)) return expected(name, text, start, end)
    const raws = elementsOf(text.slice(start, end))
    const texts: string[] = []
    let changed = false
    for (const [i, raw] of raws.entries()) {
      const checked = check(value[i], raw, 0, raw.length)
      if (typeof checked === 'string') return `element ${i}: ${checked}`
      if (checked !== undefined) changed = true
      texts.push(checked?.text ?? raw)
    }
    return changed ? { text: `[${texts.join(',')}]` } : undefined
  }
}

function mapCheck(name: string, check: Check): Check {
  return (value, text, start, end) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return expected(name, text, start, end)
    const texts = new Map<string, string>()
    const members = membersOf(text.slice(start, end))
    let changed = false
    for (const { key, raw } of members) {
      if (!key.isWellFormed()) return 'a key holds half of a surrogate pair, which is no character'
      const checked: Checked = check(JSON.parse(raw), raw, 0, raw.length)
      if (typeof checked === 'string') return `key ${JSON.stringify(key.slice(0, 40))}: ${checked}`
      if (checked !== undefined) changed = true
      texts.set(key, checked?.text ?? raw)
    }
    if (!changed && texts.size === members.length) return undefined
    return { text: `{${[...texts].map(([key, raw]) => `${JSON.stringify(key)}:${raw}`).join(',')}}` }
  }
}

/**
 * The JSON type takes objects. Paths that are the same once dotted would be one path twice, which the warehouse
 * refuses, and so do we; a name that comes twice in one object means its last value. Whole numbers beyond 64 bits
 * fail in its lists (seen with chDB 3.4), so they must be quoted.
 */
function documentCheck(value: unknown, text: string, start: number, end: number): Checked {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return expected('JSON (an object)', text, start, end)
  }
  let problem: string | undefined
  const canonical = canonicalText(text.slice(start, end), (scalar) => {
    if (scalar.startsWith('"')) {
      if (!(JSON.parse(scalar) as string).isWellFormed())
        problem ??= 'holds half of a surrogate pair, which is no character'
    } else if (!isHeld(scalar))
      problem ??= `holds the number ${clip(scalar)}, which is beyond what JSON columns hold; quote it`
  })
  if (problem !== undefined) return problem
  const twice = collectPaths(value as Record<string, unknown>, '', new Set<string>())
  if (twice !== undefined) return `has the path ${JSON.stringify(twice.slice(0, 60))} twice`
  return canonical === text.slice(start, end) ? undefined : { text: canonical }
}

function isHeld(scalar: string): boolean {
  const first = scalar.charCodeAt(0)
  // true, false, null
  if (first > 0x39) return true
  if (!/^-?\d+$/.test(scalar)) return Number.isFinite(Number(scalar))
  if (scalar.length < 18) return true
  return scalar.length < 22 && BigInt(scalar) >= -(2n ** 63n) && BigInt(scalar) < 2n ** 64n
}

function collectPaths(value: Record<string, unknown>, prefix: string, paths: Set<string>): string | undefined {
  for (const [key, inner] of Object.entries(value)) {
    const path = prefix + key
    if (paths.has(path)) return path
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      const twice = collectPaths(inner as Record<string, unknown>, `${path}.`, paths)
      if (twice !== undefined) return twice
    } else paths.add(path)
  }
  return undefined
}

/** The same value with each name once and its numbers as they were written; every scalar in it, and name, is shown. */
export function canonicalText(text: string, see?: (scalar: string) => void): string {
  const first = text.charCodeAt(0)
  if (first === 0x5b)
    return `[${elementsOf(text)
      .map((element) => canonicalText(element, see))
      .join(',')}]`
  if (first !== 0x7b) {
    see?.(text)
    return first === 0x22 ? JSON.stringify(JSON.parse(text)) : text
  }
  const members = new Map<string, string>()
  for (const { key, raw } of membersOf(text)) {
    const name = JSON.stringify(key)
    see?.(name)
    members.set(name, canonicalText(raw, see))
  }
  return `{${[...members].map(([name, raw]) => `${name}:${raw}`).join(',')}}`
}
