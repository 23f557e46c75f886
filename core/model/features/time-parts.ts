import type { TimePart } from './plan.ts'

interface Part {
  readonly name: TimePart
  /** Of whole milliseconds since 1970 in UTC; of a category its code. */
  readonly of: (ms: number) => number
  readonly labels?: readonly string[]
}

export const dayMs = 86_400_000
/** Days of the 400 years after which the Gregorian calendar repeats itself. */
export const eraDays = 146_097
/** From 1 March of the year 0 to 1970. */
export const epochShift = 719_468

const { floor } = Math
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const hours = Array.from({ length: 24 }, (_, hour) => String(hour))

/** What is made of a time. Years are in the days; a weekday, a month and an hour are one of a few, not more or less. */
export const timeParts: readonly Part[] = [
  { name: 'days', of: (ms) => floor(ms / dayMs) },
  { name: 'month', of: (ms) => (civil(ms).fromMarch + 2) % 12, labels: months },
  { name: 'day', of: (ms) => civil(ms).day },
  { name: 'weekday', of: (ms) => modulo(floor(ms / dayMs) + 3, 7), labels: weekdays },
  { name: 'hour', of: (ms) => floor(modulo(ms, dayMs) / 3_600_000), labels: hours },
  { name: 'minute', of: (ms) => floor(modulo(ms, 3_600_000) / 60_000) },
]

/**
 * The month (0 is March) and the day (from 1): Howard Hinnant's civil_from_days, in whole numbers alone, so that the
 * graph can do the same. https://howardhinnant.github.io/date_algorithms.html#civil_from_days
 */
function civil(ms: number): { fromMarch: number; day: number } {
  const dayOfEra = modulo(floor(ms / dayMs) + epochShift, eraDays)
  const leaps = floor(dayOfEra / 1460) - floor(dayOfEra / 36_524) + floor(dayOfEra / 146_096)
  const yearOfEra = floor((dayOfEra - leaps) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + floor(yearOfEra / 4) - floor(yearOfEra / 100))
  const fromMarch = floor((5 * dayOfYear + 2) / 153)
  return { fromMarch, day: dayOfYear - floor((153 * fromMarch + 2) / 5) + 1 }
}

/** With the sign of the divisor, as ONNX's Mod. */
function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}
