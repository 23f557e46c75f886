import { closest } from '#mesh/closest.ts'
import type { ColumnType } from './types.ts'

/** Why a text is not a type that a stream can have. */
export class TypeProblem extends Error {
  override readonly name = 'TypeProblem'
}

const simple = ['Bool', 'String', 'UUID', 'Date', 'Date32', 'IPv4', 'IPv6', 'JSON'] as const
const integers = ['Int8', 'Int16', 'Int32', 'Int64', 'Int128', 'Int256'].flatMap((name) => [name, `U${name}`])
const parametric = [
  'Decimal',
  'FixedString',
  'DateTime',
  'DateTime64',
  'Enum8',
  'Enum16',
  'LowCardinality',
  'Nullable',
  'Array',
  'Map',
]
const typeNames = [...simple, ...integers, 'Float32', 'Float64', ...parametric]

type Token =
  | { readonly kind: 'word' | 'text' | 'mark'; readonly value: string }
  | { readonly kind: 'number'; readonly value: string }

function tokens(text: string): Token[] {
  const out: Token[] = []
  const shape = /\s*(?:([A-Za-z_]\w*)|(-?\d+)|'((?:[^'\\]|\\.)*)'|([(),=]))/gy
  while (shape.lastIndex < text.length) {
    const from = shape.lastIndex
    const match = shape.exec(text)
    if (match === null) {
      if (text.slice(from).trim() === '') break
      throw new TypeProblem(`cannot be read at \`${text.slice(from, from + 20)}\``)
    }
    const [, word, number, quoted, mark] = match
    if (word !== undefined) out.push({ kind: 'word', value: word })
    else if (number !== undefined) out.push({ kind: 'number', value: number })
    else if (quoted !== undefined) out.push({ kind: 'text', value: quoted.replaceAll(/\\(.)/gs, '$1') })
    else if (mark !== undefined) out.push({ kind: 'mark', value: mark })
  }
  return out
}

/** Reads a type. Throws TypeProblem with a reason that can stand behind the column's name. */
export function parseType(text: string): ColumnType {
  if (text.length > 4_000) throw new TypeProblem('is too long for a type')
  const list = tokens(text)
  let at = 0
  let depth = 0

  function peek(mark: string): boolean {
    const token = list[at]
    return token?.kind === 'mark' && token.value === mark
  }
  function expect(mark: string): void {
    if (!peek(mark))
      throw new TypeProblem(`needs \`${mark}\` ${list[at] ? `before \`${list[at]?.value}\`` : 'at its end'}`)
    at++
  }
  function number(what: string, least: number, most: number): number {
    const token = list[at++]
    const value = Number(token?.value)
    if (token?.kind !== 'number' || value < least || value > most) {
      throw new TypeProblem(`needs ${what} of ${least} to ${most}`)
    }
    return value
  }
  function timezone(): string {
    const token = list[at++]
    if (token?.kind !== 'text' || !isTimezone(token.value)) {
      throw new TypeProblem(`\`${token?.value ?? ''}\` is not a time zone; write one as 'Europe/Berlin'`)
    }
    return token.value
  }
  function enumeration(bits: 8 | 16): ColumnType {
    const values = new Map<string, number>()
    const least = -(2 ** (bits - 1))
    expect('(')
    do {
      if (values.size > 0) at++
      const name = list[at++]
      if (name?.kind !== 'text') throw new TypeProblem(`needs its values as Enum${bits}('a' = 1, 'b' = 2)`)
      expect('=')
      const value = number('a number', least, -least - 1)
      if (values.has(name.value)) throw new TypeProblem(`has the value '${name.value}' twice`)
      if ([...values.values()].includes(value)) throw new TypeProblem(`has the number ${value} twice`)
      values.set(name.value, value)
    } while (peek(','))
    expect(')')
    return { kind: 'Enum', bits, values }
  }
  function inner(): ColumnType {
    expect('(')
    const of = type()
    expect(')')
    return of
  }

  function type(): ColumnType {
    if (++depth > 8) throw new TypeProblem('nests too deep')
    const token = list[at++]
    if (token?.kind !== 'word')
      throw new TypeProblem(`needs the name of a type${token ? `, not \`${token.value}\`` : ''}`)
    const result = named(token.value)
    depth--
    return result
  }

  function named(name: string): ColumnType {
    const plain = simple.find((known) => known === name)
    if (plain !== undefined) return { kind: plain }
    if (integers.includes(name)) {
      return { kind: 'Integer', bits: Number(name.replace(/^\D+/, '')), signed: !name.startsWith('U') }
    }
    switch (name) {
      case 'Float32':
        return { kind: 'Float', bits: 32 }
      case 'Float64':
        return { kind: 'Float', bits: 64 }
      case 'Decimal': {
        expect('(')
        const precision = number('a precision', 1, 76)
        let scale = 0
        if (peek(',')) {
          at++
          scale = number('a scale', 0, precision)
        }
        expect(')')
        return { kind: 'Decimal', precision, scale }
      }
      case 'FixedString': {
        expect('(')
        const bytes = number('a length in bytes', 1, 65_535)
        expect(')')
        return { kind: 'FixedString', bytes }
      }
      case 'DateTime': {
        if (!peek('(')) return { kind: 'DateTime', timezone: undefined }
        at++
        const zone = timezone()
        expect(')')
        return { kind: 'DateTime', timezone: zone }
      }
      case 'DateTime64': {
        expect('(')
        const scale = number('a precision', 0, 9)
        let zone: string | undefined
        if (peek(',')) {
          at++
          zone = timezone()
        }
        expect(')')
        return { kind: 'DateTime64', scale, timezone: zone }
      }
      case 'Enum8':
        return enumeration(8)
      case 'Enum16':
        return enumeration(16)
      case 'LowCardinality': {
        const of = inner()
        const bare = of.kind === 'Nullable' ? of.of : of
        if (bare.kind !== 'String' && bare.kind !== 'FixedString') {
          throw new TypeProblem('LowCardinality holds String, FixedString(N) or Nullable of those')
        }
        return { kind: 'LowCardinality', of }
      }
      case 'Nullable': {
        const of = inner()
        if (['Nullable', 'Array', 'Map', 'LowCardinality', 'JSON'].includes(of.kind)) {
          throw new TypeProblem(`Nullable cannot hold ${of.kind}`)
        }
        return { kind: 'Nullable', of }
      }
      case 'Array': {
        const of = inner()
        if (of.kind === 'JSON') throw new TypeProblem('Array cannot hold JSON; keep the list as JSON text in a String')
        return { kind: 'Array', of }
      }
      case 'Map': {
        expect('(')
        const key = type()
        if (key.kind !== 'String' && !(key.kind === 'LowCardinality' && key.of.kind === 'String')) {
          throw new TypeProblem('the keys of a Map are String or LowCardinality(String)')
        }
        expect(',')
        const of = type()
        expect(')')
        return { kind: 'Map', key, of }
      }
      default: {
        const near = closest(name, typeNames)
        throw new TypeProblem(
          `\`${name}\` is not a type a stream can have${near === undefined ? '' : `; did you mean ${near}?`}`,
        )
      }
    }
  }

  const result = type()
  if (at < list.length) throw new TypeProblem(`has \`${list[at]?.value}\` after its end`)
  return result
}

function isTimezone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]*$/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
