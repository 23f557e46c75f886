import { readInteger } from './clauses.ts'
import { isWord, type Reader } from './reader.ts'

export const unitsMs = {
  SECONDS: 1_000,
  MINUTES: 60_000,
  HOURS: 3_600_000,
  DAYS: 86_400_000,
  WEEKS: 7 * 86_400_000,
} as const

type Unit = keyof typeof unitsMs

export interface IntervalBounds {
  readonly units: readonly Unit[]
  readonly minMs: number
  readonly maxMs: number
  /** Said where it is too short. */
  readonly hint?: string
}

/** What stands after EVERY: `10 MINUTES`, or `1 MINUTE`, in milliseconds. */
export function readInterval(reader: Reader, { units, minMs, maxMs, hint }: IntervalBounds): number {
  const count = readInteger(reader, 'a number', 0, 1_000_000)
  const unit = units.find((unit) => (isWord(reader.peek(), unit.slice(0, -1)) ? reader.next() : reader.accept(unit)))
  // Nothing is nothing in any unit.
  if (unit === undefined && count.value > 0) throw reader.unexpected()
  const ms = count.value * unitsMs[unit ?? 'SECONDS']
  if (ms >= minMs && ms <= maxMs) return ms
  const bounds = `from ${intervalText(minMs)} to ${intervalText(maxMs)}`
  throw reader.failure(count, `EVERY can be ${bounds}.`, ms < minMs ? hint : undefined)
}

/** `10 MINUTES`, in the largest unit that it is a whole number of. */
export function intervalText(ms: number): string {
  const units = Object.keys(unitsMs).reverse() as Unit[]
  const unit = units.find((unit) => ms % unitsMs[unit] === 0) ?? 'SECONDS'
  const count = ms / unitsMs[unit]
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`
}
