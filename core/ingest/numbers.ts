import { type Check, expected } from './verdict.ts'

/** Whether the text of a number is digits only, with a minus at most: `1.0` and `1e3` are whole but not written so. */
function isPlain(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const c = text.charCodeAt(at)
    if ((c < 0x30 || c > 0x39) && c !== 0x2d) return false
  }
  return true
}

const digits = /^-?\d{1,80}$/

/** Whole numbers, exact to the last bit. From 64 bits on also quoted, as not every JSON library can write them bare. */
export function integerCheck(bits: number, signed: boolean): Check {
  const name = `${signed ? '' : 'U'}Int${bits}`
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n
  const most = signed ? -least - 1n : 2n ** BigInt(bits) - 1n
  const label = `${name} (${bits <= 64 ? `${least} to ${most}` : 'a whole number in its range'})`
  // Within the doubles that are exact; beyond them the text decides.
  const safeLeast = bits < 64 ? Number(least) : signed ? Number.MIN_SAFE_INTEGER : 0
  const safeMost = bits < 64 ? Number(most) : Number.MAX_SAFE_INTEGER
  return (value, text, start, end) => {
    if (typeof value === 'number') {
      if (!isPlain(text, start, end))
        return expected(`${name} (a whole number without point or exponent)`, text, start, end)
      if (value >= safeLeast && value <= safeMost) {
        return value === 0 && end - start === 2 ? { text: '0' } : undefined
      }
      if (bits < 64) return expected(label, text, start, end)
      return within(text.slice(start, end), least, most) ? undefined : expected(label, text, start, end)
    }
    if (bits >= 64 && typeof value === 'string' && digits.test(value) && within(value, least, most)) {
      // Bare and without leading zeros, so that the warehouse and the event's identity see one form of a number.
      return { text: BigInt(value).toString() }
    }
    return expected(label, text, start, end)
  }
}

function within(source: string, least: bigint, most: bigint): boolean {
  if (!digits.test(source)) return false
  const value = BigInt(source)
  return value >= least && value <= most
}

// What rounds to a finite single: the largest one and half a unit of its last place.
const mostFloat32 = 3.4028235677973366e38

/** Any JSON number that does not overflow. */
export function floatCheck(bits: 32 | 64): Check {
  const most = bits === 32 ? mostFloat32 : Number.MAX_VALUE
  return (value, text, start, end) =>
    typeof value === 'number' && Math.abs(value) < (bits === 32 ? most : Infinity)
      ? undefined
      : expected(`Float${bits} (a finite number)`, text, start, end)
}

/** A number or a quoted one, with no more digits than the column holds: nothing is rounded silently. */
export function decimalCheck(precision: number, scale: number): Check {
  const label = `Decimal(${precision}, ${scale}) (at most ${precision - scale} digits before the point and ${scale} after, no exponent)`
  return (value, text, start, end) => {
    const source = typeof value === 'number' ? text.slice(start, end) : value
    if (typeof source !== 'string' || source.length > 200) return expected(label, text, start, end)
    const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(source)
    if (match === null) return expected(label, text, start, end)
    const whole = (match[2] ?? '').replace(/^0+/, '')
    const fraction = (match[3] ?? '').replace(/0+$/, '')
    if (whole.length > precision - scale || fraction.length > scale) return expected(label, text, start, end)
    const exact = `${match[1]}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`
    return exact === source && typeof value === 'number' ? undefined : { text: exact }
  }
}
