import { isIPv4, isIPv6 } from 'node:net'
import { partsOf } from '#mesh/arrays.ts'
import type { ParameterType } from './gate/types.ts'

/** A value for the engine, in the escaping of its HTTP parameters; or the reason why it is none of the type. */
export type Encoded = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string }

/** Arrays come as a JSON array or separated by commas. */
export function encodeValue(type: ParameterType, value: string): Encoded {
  if (!type.array) {
    const single = encodeOne(type.value, value)
    return single.ok
      ? { ok: true, text: escape(single.text) }
      : { ok: false, reason: `must be ${article(type.text)}: ${single.reason}` }
  }
  const parts = partsOf(value)
  if (parts === undefined)
    return { ok: false, reason: `must be ${article(type.text)}: a JSON array, or values separated by commas` }
  const texts: string[] = []
  for (const [at, part] of parts.entries()) {
    const one = encodeOne(type.value, part)
    if (!one.ok) return { ok: false, reason: `must be ${article(type.text)}: value ${at + 1} ${one.reason}` }
    texts.push(isBare.test(type.value) ? one.text : `'${escape(one.text).replaceAll("'", "\\'")}'`)
  }
  return { ok: true, text: `[${texts.join(',')}]` }
}

/** Types whose values stand in an array without quotes. */
const isBare = /^(U?Int|Float|Decimal|Bool)/
const integer = /^U?Int(8|16|32|64|128|256)$/

function encodeOne(type: string, value: string): Encoded {
  const bits = integer.exec(type)?.[1]
  if (bits !== undefined) return encodeInteger(value, Number(bits), type.startsWith('U'))
  const name = /^[A-Za-z]+\d*/.exec(type)?.[0] ?? type
  switch (name) {
    case 'String':
      return { ok: true, text: value }
    case 'FixedString': {
      const size = Number(/\d+/.exec(type.slice(name.length))?.[0] ?? 0)
      return check(Buffer.byteLength(value) <= size, value, `is longer than ${size} bytes`)
    }
    case 'Bool':
      return /^(true|1)$/i.test(value)
        ? { ok: true, text: 'true' }
        : check(/^(false|0)$/i.test(value), 'false', 'is neither true nor false')
    case 'Float32':
    case 'Float64':
      return check(/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value) && value.length <= 400, value, 'is not a number')
    case 'UUID':
      return check(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value), value, 'is not a UUID')
    case 'IPv4':
      return check(isIPv4(value), value, 'is not an IPv4 address')
    case 'IPv6':
      return check(isIPv6(value) && !value.includes('%'), value, 'is not an IPv6 address')
    case 'Date':
    case 'Date32':
      return encodeDate(value)
    case 'DateTime':
    case 'DateTime64':
      return encodeTime(value, name === 'DateTime64')
    case 'Decimal':
    case 'Decimal32':
    case 'Decimal64':
    case 'Decimal128':
    case 'Decimal256':
      return check(/^[-+]?\d{1,76}(\.\d{1,76})?$/.test(value), value, 'is not a decimal number')
    default:
      return encodeEnum(type, value)
  }
}

function encodeInteger(value: string, bits: number, unsigned: boolean): Encoded {
  if (!/^-?\d{1,80}$/.test(value)) return { ok: false, reason: 'is not a whole number' }
  const number = BigInt(value)
  const max = unsigned ? 2n ** BigInt(bits) : 2n ** BigInt(bits - 1)
  const min = unsigned ? 0n : -max
  return check(number >= min && number < max, number.toString(), `is not between ${min} and ${max - 1n}`)
}

function encodeDate(value: string): Encoded {
  const found = /^(\d{4}-\d{2}-\d{2})$/.exec(value)
  const time = found === null ? Number.NaN : Date.parse(`${value}T00:00:00Z`)
  // Date.parse takes 31 February for a day in March.
  const real = Number.isFinite(time) && new Date(time).toISOString().slice(0, 10) === value
  return check(real, value, 'is not a date like 2026-01-31')
}

/** ISO 8601 with an offset, or without one in the session's time zone; or seconds since 1970. */
function encodeTime(value: string, fraction: boolean): Encoded {
  const no = 'is not a time like 2026-01-31T12:00:00Z'
  if (/^\d{1,10}(\.\d{1,9})?$/.test(value)) return { ok: true, text: fraction ? value : value.replace(/\..*$/, '') }
  const found = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(\.\d{1,9})?)?(Z|[-+]\d{2}:?\d{2})?)?$/i.exec(value)
  if (found === null) return { ok: false, reason: no }
  const [, date = '', clock = '00:00', seconds = '00', part = '', zone] = found
  const local = Date.parse(`${date}T${clock}:${seconds}Z`)
  if (!Number.isFinite(local) || new Date(local).toISOString().slice(0, 10) !== date) return { ok: false, reason: no }
  const kept = fraction ? part : ''
  if (zone === undefined) return { ok: true, text: `${date} ${clock}:${seconds}${kept}` }
  const epoch = Date.parse(
    `${date}T${clock}:${seconds}${zone.toUpperCase() === 'Z' ? 'Z' : zone.replace(/^([-+]\d{2}):?/, '$1:')}`,
  )
  return check(Number.isFinite(epoch) && epoch >= 0, `${epoch / 1000}${kept}`, no)
}

function encodeEnum(type: string, value: string): Encoded {
  const names = [...type.matchAll(/'([^']*)'/g)].map((found) => found[1])
  return check(names.includes(value), value, `is not one of ${names.slice(0, 20).join(', ')}`)
}

function check(ok: boolean, text: string, reason: string): Encoded {
  return ok ? { ok, text } : { ok, reason }
}

function article(type: string): string {
  return `${/^[AEIU]/.test(type) && !type.startsWith('U') ? 'an' : 'a'} ${type}`
}

/** Tab-separated text, as parameters are read. */
function escape(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\t', '\\t')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\0', '\\0')
}
