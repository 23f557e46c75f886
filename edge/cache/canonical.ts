import { partsOf } from '#mesh/arrays.ts'
import type { Parameter } from '#proto/edgewise/query/v1/query_pb.ts'

/**
 * The one text for a value that a parameter of this type could be given in several: so that what means the same is asked
 * once. A value that is none of its type stays as it is, for the core to refuse in the caller's words.
 */
export function canonical({ type, enumValues }: Parameter, value: string, timezone: string): string {
  // The values that it may take are compared as texts.
  const one = enumValues.length > 0 ? (text: string) => text : (text: string) => scalar(element, text, timezone)
  const element = elementOf(type)
  if (!isArray(type)) return one(value)
  const parts = partsOf(value)
  return parts === undefined ? value : JSON.stringify(parts.map(one))
}

export function isArray(type: string): boolean {
  return type.startsWith('Array(')
}

/** Without Array, Nullable and LowCardinality, as the core reads it. */
function elementOf(type: string): string {
  const inner = /^(?:Array|LowCardinality|Nullable)\((.*)\)$/.exec(type)?.[1]
  return inner === undefined ? type : elementOf(inner)
}

function scalar(type: string, value: string, timezone: string): string {
  const name = /^[A-Za-z]+\d*/.exec(type)?.[0] ?? ''
  if (/^U?Int\d+$/.test(name)) return /^-?\d{1,80}$/.test(value) ? String(BigInt(value)) : value
  if (name === 'Bool') return /^(true|1)$/i.test(value) ? 'true' : /^(false|0)$/i.test(value) ? 'false' : value
  if (/^Float(32|64)$/.test(name)) return float(value)
  if (name === 'UUID') return value.toLowerCase()
  if (/^DateTime(64)?$/.test(name)) return time(value, type, timezone)
  if (name === 'IPv6') return address(value)
  if (name.startsWith('Decimal')) return decimal(value)
  return value
}

/** A double writes itself in the fewest digits that are it and no other. */
function float(value: string): string {
  const number = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value) ? Number(value) : Number.NaN
  if (!Number.isFinite(number) || value.length > 400) return value
  return Object.is(number, -0) ? '-0' : String(number)
}

function decimal(value: string): string {
  const [, sign = '', whole = '', part = ''] = /^([-+]?)0*(\d{1,76})(?:\.(\d{1,76}))?$/.exec(value) ?? []
  if (whole === '') return value
  const fraction = part.replace(/0+$/, '')
  const digits = fraction === '' ? whole : `${whole}.${fraction}`
  return sign === '-' && digits !== '0' ? `-${digits}` : digits
}

function address(value: string): string {
  // https://url.spec.whatwg.org/#concept-ipv6-serializer
  return /^[\da-f:.]+$/i.test(value) ? (URL.parse(`http://[${value}]`)?.hostname.slice(1, -1) ?? value) : value
}

/** A moment in UTC; what is said without an offset is one only where the time zone is UTC too. */
function time(value: string, type: string, timezone: string): string {
  const digitsOf = (part: string): string => {
    const digits = type.startsWith('DateTime64') ? part.replace(/0+$/, '') : ''
    return digits === '' ? '' : `.${digits}`
  }
  const utc = (at: number, part: string): string => `${isoOf(at)}${digitsOf(part)}Z`

  const [, epoch, epochPart = ''] = /^(\d{1,10})(?:\.(\d{1,9}))?$/.exec(value) ?? []
  if (epoch !== undefined) return utc(Number(epoch) * 1000, epochPart)
  const [, date, clock = '00:00', seconds = '00', part = '', offset] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[-+]\d{2}:?\d{2})?)?$/i.exec(value) ?? []
  const local = `${date}T${clock}:${seconds}`
  const at = Date.parse(`${local}Z`)
  // Date.parse takes 31 February for a day in March.
  if (Number.isNaN(at) || isoOf(at) !== local) return value
  if (offset === undefined && (timezone !== '' || type.includes("'"))) return `${local}${digitsOf(part)}`
  const [, sign, hours, minutes] = /^([-+])(\d{2}):?(\d{2})$/.exec(offset ?? '') ?? []
  const aheadMs = sign === undefined ? 0 : Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60_000
  return Number(minutes ?? 0) > 59 || Number(hours ?? 0) > 23 || at < aheadMs ? value : utc(at - aheadMs, part)
}

function isoOf(at: number): string {
  return new Date(at).toISOString().slice(0, 19)
}
