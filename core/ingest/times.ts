/** Reading times. A moment is milliseconds since 1970 and, beside it, the nanoseconds within that millisecond. */
export interface Moment {
  /** Seconds since 1970, whole. */
  readonly seconds: number
  /** The fraction's digits as they came, at most 9. */
  readonly fraction: string
  /** The text says which offset from UTC it means. */
  readonly zoned: boolean
  /** Written as `YYYY-MM-DD[T ]hh:mm:ss[.fff][Z]`, so that the warehouse reads it as it is. */
  readonly canonical: boolean
}

const shape =
  /^(\d{4})-(\d\d)-(\d\d)(?:([Tt ])(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?([Zz])|(?: ?([+-])(\d\d):?(\d\d)?))?)?$/

/** A calendar day as days since 1970, or undefined. */
export function parseDay(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (match === null) return undefined
  return daysSinceEpoch(Number(match[1]), Number(match[2]), Number(match[3]))
}

function daysSinceEpoch(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  return Date.UTC(year, month - 1, day) / 86_400_000
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** ISO 8601 with any offset, RFC 3339's blank for the T allowed; undefined when it is no such moment. */
export function parseTime(text: string): Moment | undefined {
  const match = shape.exec(text)
  if (match === null) return undefined
  const [
    ,
    year,
    month,
    day,
    separator,
    hour,
    minute,
    second,
    fraction = '',
    zulu,
    sign,
    offsetHour,
    offsetMinute = '0',
  ] = match
  if (Number(year) < 1) return undefined
  const days = daysSinceEpoch(Number(year), Number(month), Number(day))
  if (days === undefined) return undefined
  const h = Number(hour ?? 0)
  const m = Number(minute ?? 0)
  const s = Number(second ?? 0)
  // A leap second has no place of its own in the warehouse.
  if (h > 23 || m > 59 || s > 59 || Number(offsetHour ?? 0) > 23 || Number(offsetMinute) > 59) return undefined
  const offset = sign === undefined ? 0 : (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -60 : 60)
  return {
    seconds: days * 86_400 + h * 3600 + m * 60 + s - offset,
    fraction,
    zoned: zulu !== undefined || sign !== undefined,
    canonical:
      second !== undefined && sign === undefined && separator !== 't' && zulu !== 'z' && !/[ ,]./.test(text.slice(19)),
  }
}

/** Epoch seconds (fractions allowed) or whole milliseconds, told apart by their size; undefined where neither fits. */
export function parseEpoch(source: string): Moment | undefined {
  const match = /^(-?)(\d{1,14})(?:\.(\d{1,9})\d*)?$/.exec(source)
  if (match === null) return undefined
  const [, sign, digits = '', fraction = ''] = match
  const value = Number(digits) * (sign === '-' ? -1 : 1)
  // 10^11 seconds are the year 5138, 10^11 milliseconds are March 1973.
  if (Math.abs(value) < 1e11) {
    if (sign === '-' && fraction !== '') return undefined
    return { seconds: value, fraction, zoned: true, canonical: false }
  }
  if (fraction !== '') return undefined
  const seconds = Math.floor(value / 1000)
  return { seconds, fraction: String(value - seconds * 1000).padStart(3, '0'), zoned: true, canonical: false }
}

/** `YYYY-MM-DDThh:mm:ss[.fff]Z`; a finer fraction than the column holds is cut. */
export function formatMoment(moment: Moment, scale: number): string {
  const whole = new Date(moment.seconds * 1000).toISOString().slice(0, 19)
  const fraction = moment.fraction.padEnd(scale, '0').slice(0, scale)
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`
}

/**
 * Whether the text is `YYYY-MM-DDThh:mm:ss[.f…]Z` between 1970 and 2105 on a day that every month has: what nearly all
 * times are, told without taking them apart. False says nothing.
 */
export function isPlainTime(text: string, maxFraction: number): boolean {
  const { length } = text
  if (length < 20 || text.charCodeAt(length - 1) !== 0x5a) return false
  const year = pair(text, 0) * 100 + pair(text, 2)
  const month = pair(text, 5)
  const day = pair(text, 8)
  if (!(year >= 1970 && year < 2106 && month >= 1 && month <= 12 && day >= 1 && day <= 28)) return false
  if (!(pair(text, 11) < 24 && pair(text, 14) < 60 && pair(text, 17) < 60)) return false
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d || text.charCodeAt(10) !== 0x54) return false
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return false
  if (length === 20) return true
  if (text.charCodeAt(19) !== 0x2e || length < 22 || length - 21 > maxFraction) return false
  for (let at = 20; at < length - 1; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (!(digit >= 0 && digit <= 9)) return false
  }
  return true
}

/** Two digits as a number; NaN where they are none. */
function pair(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30
  const ones = text.charCodeAt(at + 1) - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}
