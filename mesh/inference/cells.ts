/** What clients send, as what a model takes. Missing is null, nothing, and a blank text: databases and files write all of them. */

/** As ONNX has it: 64 bits, of which this one means that there is no time. */
export const missingTime = -9_223_372_036_854_775_808n

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const maxFloat = 3.402_823_466_385_288_6e38

/** NaN where it is missing, undefined where it is no number. Models take 32 bits. */
export function readNumber(cell: unknown): number | undefined {
  if (typeof cell === 'number') return Math.abs(cell) <= maxFloat ? cell : undefined
  if (cell === null) return Number.NaN
  if (typeof cell === 'boolean') return cell ? 1 : 0
  if (typeof cell !== 'string') return undefined
  const trimmed = cell.trim()
  if (trimmed === '') return Number.NaN
  return number.test(trimmed) ? readNumber(Number(trimmed)) : undefined
}

/** Empty where it is missing, undefined where it is no text. Numbers and booleans may be names of something. */
export function readText(cell: unknown): string | undefined {
  if (typeof cell === 'string') return cell.trim() === '' ? '' : whole(cell)
  if (cell === null) return ''
  return typeof cell === 'boolean' || (typeof cell === 'number' && Number.isFinite(cell)) ? String(cell) : undefined
}

/** ONNX Runtime takes texts that end at a zero: what is behind it would be lost, and the rest be another label. */
function whole(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text
}

const time =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?([Zz])|(?: ?([+-])(\d\d):?(\d\d)?))?)?$/
/** 10^11 seconds are the year 5138, 10^11 milliseconds are March 1973. */
const firstMilliseconds = 1e11
/** The last moment of the year 9999. */
const lastMs = 253_402_300_799_999

/**
 * Milliseconds since 1970: of ISO 8601 (without an offset it is UTC), or of epoch seconds or milliseconds, told apart by
 * their size as events are. `missingTime` where it is missing, undefined where it is no time.
 */
export function readTime(cell: unknown): bigint | undefined {
  if (cell === null) return missingTime
  if (typeof cell === 'number') return epoch(cell)
  if (typeof cell !== 'string') return undefined
  const trimmed = cell.trim()
  if (trimmed === '') return missingTime
  if (number.test(trimmed)) return epoch(Number(trimmed))
  const match = time.exec(trimmed)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0))
  const date = new Date(Date.UTC(year, month - 1, day))
  // Date.UTC goes on counting: 30 February would be the first days of March.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || date.getUTCFullYear() !== year) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const fractionMs = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const offsetMinutes = Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0)
  const ms = date.getTime() + (hour * 3_600 + minute * 60 + second) * 1_000 + fractionMs
  return BigInt(ms + (match[9] === '-' ? offsetMinutes : -offsetMinutes) * 60_000)
}

function epoch(value: number): bigint | undefined {
  const ms = Math.floor(Math.abs(value) < firstMilliseconds ? value * 1_000 : value)
  return Math.abs(ms) <= lastMs ? BigInt(ms) : undefined
}
