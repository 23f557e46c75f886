import { isIPv4, isIPv6 } from 'node:net'
import { compoundCheck } from './compounds.ts'
import { integerCheck, decimalCheck, floatCheck } from './numbers.ts'
import { formatMoment, isPlainTime, type Moment, parseDay, parseEpoch, parseTime } from './times.ts'
import { type ColumnType, typeText } from './types.ts'
import { type Check, type Checked, clip, expected } from './verdict.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The check of a type, made once per column. */
export function checkOf(type: ColumnType): Check {
  const name = typeText(type)
  switch (type.kind) {
    case 'Bool':
      return (value, text, start, end) =>
        typeof value === 'boolean' ? undefined : expected('Bool (true or false)', text, start, end)
    case 'Integer':
      return integerCheck(type.bits, type.signed)
    case 'Float':
      return floatCheck(type.bits)
    case 'Decimal':
      return decimalCheck(type.precision, type.scale)
    case 'String':
      return stringCheck
    case 'FixedString':
      return (value, text, start, end) => {
        if (typeof value !== 'string' || !value.isWellFormed()) return expected(name, text, start, end)
        const bytes = Buffer.byteLength(value)
        return bytes > type.bytes ? `expected at most ${type.bytes} bytes, got ${bytes}` : undefined
      }
    case 'UUID':
      return matching((value) => uuid.test(value), 'UUID')
    case 'IPv4':
      return matching(isIPv4, 'IPv4')
    case 'IPv6':
      return matching((value) => isIPv6(value) && !value.includes('%'), 'IPv6')
    case 'Date':
      // 2149-06-06 is the last day that 16 bits reach.
      return dayCheck('Date (YYYY-MM-DD from 1970-01-01 to 2149-06-06)', 0, 65_535)
    case 'Date32':
      return dayCheck('Date32 (YYYY-MM-DD from 1900-01-01 to 2299-12-31)', -25_567, 120_529)
    case 'DateTime':
      return timeCheck(name, 0, 0, 4_294_967_295, type.timezone !== undefined)
    case 'DateTime64': {
      const least = Date.UTC(1900, 0, 1) / 1000
      // With nanoseconds, 64 bits end in April 2262.
      const most = type.scale === 9 ? 9_223_372_035 : Date.UTC(2300, 0, 1) / 1000 - 1
      return timeCheck(name, type.scale, least, most, type.timezone !== undefined)
    }
    case 'Enum': {
      const listed = [...type.values.keys()].slice(0, 10).map((value) => `'${clip(value)}'`)
      const label = `one of ${listed.join(', ')}${type.values.size > 10 ? ', …' : ''}`
      return matching((value) => type.values.has(value), label)
    }
    case 'LowCardinality':
      return checkOf(type.of)
    case 'Nullable': {
      const check = checkOf(type.of)
      return (value, text, start, end) => (value === null ? undefined : check(value, text, start, end))
    }
    default:
      return compoundCheck(type, checkOf)
  }
}

function matching(test: (value: string) => boolean, label: string): Check {
  return (value, text, start, end) =>
    typeof value === 'string' && test(value) ? undefined : expected(label, text, start, end)
}

/** Objects and lists are kept in a String as their JSON text: that is what nesting beyond the documented depth becomes. */
function stringCheck(value: unknown, text: string, start: number, end: number): Checked {
  if (typeof value === 'string') {
    return value.isWellFormed() ? undefined : 'holds half of a surrogate pair, which is no character'
  }
  if (typeof value === 'object' && value !== null) {
    const json = text.slice(start, end)
    return json.isWellFormed() ? { text: JSON.stringify(json) } : expected('String', text, start, end)
  }
  return expected('String', text, start, end)
}

function dayCheck(label: string, least: number, most: number): Check {
  return (value, text, start, end) => {
    const day = typeof value === 'string' ? parseDay(value) : undefined
    return day === undefined || day < least || day > most ? expected(label, text, start, end) : undefined
  }
}

function timeCheck(name: string, scale: number, least: number, most: number, hasZone: boolean): Check {
  return (value, text, start, end) => {
    if (typeof value === 'string' && end - start === value.length + 2 && isPlainTime(value, scale)) return undefined
    let moment: Moment | undefined
    if (typeof value === 'string') moment = parseTime(value)
    else if (typeof value === 'number') moment = parseEpoch(text.slice(start, end))
    if (moment === undefined) {
      return expected(`${name} (ISO 8601, or epoch seconds or milliseconds)`, text, start, end)
    }
    if (moment.seconds < least || moment.seconds > most) {
      const from = new Date(least * 1000).toISOString().slice(0, 10)
      return expected(`${name} (from ${from} to ${new Date(most * 1000).toISOString().slice(0, 10)})`, text, start, end)
    }
    // Without an offset the warehouse would read the time in the column's zone; here it is UTC.
    const asItIs =
      moment.canonical && moment.fraction.length <= scale && (moment.zoned || !hasZone) && moment.seconds >= 0
    // An escape in it, such as `\u003a`, is unusual enough to be written out.
    if (asItIs && end - start === (value as string).length + 2) return undefined
    return { text: `"${formatMoment(moment, scale)}"` }
  }
}
