import { Failure, type Violation } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { forecast } from '../forecast/forecast.ts'
import type { ForecastModel } from '../forecast/train.ts'
import { keyOf } from './groups.ts'

/** What a forecast says of one series: its steps, in the order of time. */
export interface SeriesAnswer {
  readonly forecast: readonly {
    /** ISO 8601, in UTC. */
    readonly time: string
    readonly prediction: number
    /** The interval of 80 %. */
    readonly lower: number
    readonly upper: number
  }[]
}

export interface SeriesAsk {
  /** JSON objects, each with the columns that tell one series from another. */
  readonly rows: readonly unknown[]
  /** Steps; 0: all that it was trained for. */
  readonly horizon: number
}

const maxSteps = 10_000
const maxProblems = 20

/** The steps ahead of each row's series. Throws `request.invalid` with every row that names none. */
export function forecastRows(
  model: ForecastModel,
  by: readonly string[],
  { rows, horizon }: SeriesAsk,
): SeriesAnswer[] {
  const steps = horizon || model.horizon
  if (rows.length * Math.min(steps, model.horizon) > maxSteps) throw tooMany(rows.length * steps)
  const problems: Violation[] = rows.length === 0 ? [{ pointer: '/rows', reason: 'must be at least one row' }] : []
  const known = new Set(model.series.map(({ key }) => key))
  const keys = rows.map((row, at) => {
    const found = keyIn(row, by, `/rows/${at}`)
    if ('problem' in found) problems.push(found.problem)
    else if (!known.has(found.key)) problems.push({ pointer: `/rows/${at}`, reason: notThere(model, found.key) })
    return 'key' in found ? found.key : ''
  })
  if (problems.length > 0) {
    throw new Failure('request.invalid', 'The rows do not name series of the model.', {
      errors: problems.slice(0, maxProblems),
    })
  }
  return keys.map((key) => ({
    forecast: forecast(model, key, steps).map(({ timeMs, value, low80, high80 }) => ({
      time: new Date(timeMs).toISOString(),
      prediction: value,
      lower: low80,
      upper: high80,
    })),
  }))
}

function keyIn(
  row: unknown,
  by: readonly string[],
  pointer: string,
): { readonly key: string } | { readonly problem: Violation } {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    return { problem: { pointer, reason: 'must be an object' } }
  }
  const cells = row as Readonly<Record<string, unknown>>
  const there = by.length === 0 ? 'the model is of one series' : `series are told apart by ${by.join(', ')}`
  const other = Object.keys(cells).find((name) => !by.includes(name))
  if (other !== undefined) {
    const near = closest(other, by)
    const reason = near === undefined ? `is not known: ${there}` : `is not known; did you mean \`${near}\`?`
    return { problem: { pointer: `${pointer}/${other.slice(0, 200)}`, reason } }
  }
  const missing = by.find((name) => !Object.hasOwn(cells, name))
  if (missing !== undefined) return { problem: { pointer: `${pointer}/${missing}`, reason: `is missing: ${there}` } }
  const texts = by.map((name) => textOf(cells[name]))
  const odd = texts.indexOf(undefined)
  if (odd !== -1) return { problem: { pointer: `${pointer}/${by[odd]}`, reason: 'must be a text' } }
  return { key: keyOf(texts as string[]) }
}

/** As the rows of a training are read: what is missing is an empty text. */
function textOf(cell: unknown): string | undefined {
  if (cell === null) return ''
  return typeof cell === 'string' || typeof cell === 'number' || typeof cell === 'boolean' ? String(cell) : undefined
}

function notThere({ left }: ForecastModel, key: string): string {
  const why = left.find((one) => one.key === key)?.reason
  return why === undefined ? 'names no series of the model' : `has no forecast: ${why}`
}

function tooMany(steps: number): Failure {
  return new Failure('request.too_large', `The answer would have ${steps} steps; ${maxSteps} fit.`, {
    hint: 'Ask for fewer series, or for a shorter horizon.',
    errors: [{ pointer: 'horizon', reason: 'too many steps in all' }],
  })
}
