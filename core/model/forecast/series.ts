import { Failure } from '#mesh/errors.ts'

/** How far apart the points are: months are not all as long. */
export type Step =
  | { readonly kind: 'ms'; readonly ms: number }
  | {
      readonly kind: 'months'
      readonly months: number
      /** Of the month, 1 to 31; shorter months end earlier. */
      readonly day: number
    }

/** Values at a regular step. It begins and ends with one that is there. */
export interface Series {
  /** Milliseconds since 1970 in UTC. */
  readonly startMs: number
  readonly step: Step
  /** NaN where one is missing. */
  readonly values: Float64Array
}

const dayMs = 86_400_000
/** Of a step: a day that the clocks change is an hour off, 4.2 %. */
const tolerance = 0.05
/** Only the newest points are read: about 14 months of half-hours. */
const maxPoints = 20_000
/** The sums of squares of more are no number. */
export const mostValue = 1e100

/**
 * Rows as a regular series, in any order. `times` are milliseconds, NaN where missing (such rows have no place and are left
 * out); a value that is NaN or beyond ±1e100 is missing. Throws `request.invalid` where the times have no step, where two are
 * the same, and where more is missing than there is.
 */
export function regular(times: Float64Array, values: Float64Array): Series {
  const order = Array.from(times.keys()).filter((i) => Number.isFinite(times[i]) && Math.abs(values[i]!) <= mostValue)
  order.sort((a, b) => times[a]! - times[b]!)
  if (order.length < 2) throw refused(`has ${order.length} rows with a time and a value; at least 2 are needed`)
  const sorted = Float64Array.from(order, (i) => times[i]!)
  const step = stepOf(sorted)
  const whole = { startMs: sorted[0]!, step }
  const places = sorted.map((time) => indexAt(whole, time))
  for (let i = 1; i < places.length; i++) {
    if (places[i] === places[i - 1]) throw refused(`has two rows for ${shown(sorted[i]!)}: a series needs one a time`)
  }
  const last = places.at(-1)!
  if (last + 1 > 2 * places.length) {
    throw refused(`has ${places.length} values at ${last + 1} times of its step (${stepName(step)}): most are missing`)
  }
  const kept = places.findIndex((place) => place > last - maxPoints)
  const first = places[kept]!
  const filled = new Float64Array(last - first + 1).fill(NaN)
  for (let i = kept; i < places.length; i++) filled[places[i]! - first] = values[order[i]!]!
  return { startMs: timeAt(whole, first), step, values: filled }
}

/** When the point `index` of a series is, also after its end. */
export function timeAt({ startMs, step }: Omit<Series, 'values'>, index: number): number {
  if (step.kind === 'ms') return startMs + index * step.ms
  const start = new Date(startMs)
  const month = start.getUTCMonth() + index * step.months
  const days = new Date(Date.UTC(start.getUTCFullYear(), month + 1, 0)).getUTCDate()
  return Date.UTC(start.getUTCFullYear(), month, Math.min(step.day, days)) + timeOfDay(startMs)
}

/** The point that is at a time, the nearest. Negative before the start. */
export function indexAt({ startMs, step }: Omit<Series, 'values'>, timeMs: number): number {
  if (step.kind === 'ms') return Math.round((timeMs - startMs) / step.ms)
  return Math.round((monthOf(timeMs) - monthOf(startMs)) / step.months)
}

function stepOf(sorted: Float64Array): Step {
  const months = monthsOf(sorted)
  if (months !== undefined) return months
  const counts = new Map<number, number>()
  for (let i = 1; i < sorted.length; i++) {
    const gap = sorted[i]! - sorted[i - 1]!
    if (gap > 0) counts.set(gap, (counts.get(gap) ?? 0) + 1)
  }
  const [ms] = [...counts].reduce((best, next) => (next[1] > best[1] ? next : best), [0, 0])
  if (ms === 0) throw refused(`has only rows for ${shown(sorted[0]!)}: a series needs one a time`)
  const off = sorted.findIndex((time) => {
    const place = (time - sorted[0]!) / ms
    return Math.abs(place - Math.round(place)) > tolerance
  })
  if (off === -1) return { kind: 'ms', ms }
  throw refused(
    `has no regular step: most rows are ${stepName({ kind: 'ms', ms })} apart, ${shown(sorted[off]!)} is not`,
  )
}

/** Months where every time is the same day of one, or the last day of one. */
function monthsOf(sorted: Float64Array): Step | undefined {
  const first = new Date(sorted[0]!)
  const day = first.getUTCDate()
  const sameDay = sorted.every((time) => new Date(time).getUTCDate() === day)
  const lastDay = !sameDay && sorted.every((time) => new Date(time + dayMs).getUTCDate() === 1)
  if (!sameDay && !lastDay) return undefined
  if (sorted.some((time) => timeOfDay(time) !== timeOfDay(sorted[0]!))) return undefined
  let months = 0
  for (const time of sorted) months = gcd(months, monthOf(time) - monthOf(sorted[0]!))
  return months === 0 ? undefined : { kind: 'months', months, day: lastDay ? 31 : day }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

function monthOf(timeMs: number): number {
  const date = new Date(timeMs)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

function timeOfDay(timeMs: number): number {
  return ((timeMs % dayMs) + dayMs) % dayMs
}

function stepName(step: Step): string {
  if (step.kind === 'months') return `${step.months} months`
  const units = [
    [dayMs, 'days'],
    [3_600_000, 'hours'],
    [60_000, 'minutes'],
    [1_000, 'seconds'],
  ] as const
  const [ms, name] = units.find(([ms]) => step.ms % ms === 0) ?? [1, 'milliseconds']
  return `${step.ms / ms} ${name}`
}

function shown(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

function refused(reason: string): Failure {
  return new Failure('request.invalid', `The series ${reason}.`, {
    hint: 'Aggregate in the training query to one row for each interval, e.g. `GROUP BY toStartOfHour(time)`, and name what tells the series apart in the model’s GROUP BY.',
    errors: [{ pointer: 'ORDER BY', reason: `the series ${reason}` }],
  })
}
