import { Failure } from '#mesh/errors.ts'
import { workOf } from './backtest.ts'
import { choose, type Choice, stages } from './choose.ts'
import { detectSeasons } from './seasons.ts'
import { regular, type Step, timeAt } from './series.ts'

/** Rows of one series, in any order. */
export interface ForecastRows {
  /** What tells it from others; '' where there is only one. */
  readonly key: string
  /** Milliseconds since 1970 in UTC; NaN where missing. */
  readonly times: Float64Array
  readonly values: Float64Array
}

/** Plain data: what JSON keeps. */
export interface ForecastModel {
  readonly kind: 'forecast'
  /** Steps. */
  readonly horizon: number
  readonly series: readonly ForecastSeries[]
  /** Series that have no forecast, and why. */
  readonly left: readonly { readonly key: string; readonly reason: string }[]
}

export interface ForecastSeries extends Choice {
  readonly key: string
  /** Points from the first to the last, and how many of them were missing. */
  readonly points: number
  readonly missing: number
  /** Lengths in points, shortest first. */
  readonly seasons: readonly number[]
  /** Of the last value. */
  readonly endMs: number
  readonly step: Step
  /** 0 where no value was ever below: then no forecast is, either. */
  readonly least?: 0
}

export interface ForecastOptions {
  readonly groups: readonly ForecastRows[]
  /** Steps. */
  readonly horizon: number
  readonly signal?: AbortSignal
  onProgress?(done: number, of: number): void
}

const maxHorizon = 5_000
const maxGroups = 10_000
/** Evaluations to fit one method: fewer where there are many points in all. */
const [leastCalls, mostCalls] = [15, 80]
/** Steps of all evaluations of all methods: half a minute or so. */
const maxWork = 7.5e8

/**
 * A forecast for each series: its method chosen by rolling backtest, its intervals from the errors there. Nothing is random.
 * A series that cannot be forecast is left out with the reason; where that leaves none, its failure is thrown.
 */
export function trainForecast({ groups, horizon, signal, onProgress }: ForecastOptions): ForecastModel {
  if (!Number.isInteger(horizon) || horizon < 1 || horizon > maxHorizon) {
    throw refused('HORIZON', `\`${horizon}\` is not a whole number of steps from 1 to ${maxHorizon}`)
  }
  if (groups.length === 0) throw refused('FROM', 'there are no rows')
  if (groups.length > maxGroups) {
    throw refused('GROUP BY', `there are ${groups.length} series; at most ${maxGroups} are forecast by one model`)
  }
  const work = groups.reduce((sum, { times }) => sum + stages * workOf(times.length, horizon), 0)
  const calls = Math.round(Math.min(mostCalls, Math.max(leastCalls, maxWork / work)))
  const series: ForecastSeries[] = []
  const left: { readonly key: string; readonly reason: string }[] = []
  const of = groups.length * stages
  for (const [i, { key, times, values }] of groups.entries()) {
    try {
      let done = i * stages
      const check = () => signal?.throwIfAborted()
      const found = regular(times, values)
      check()
      const seasons = detectSeasons(found)
      check()
      const choice = choose(found.values, seasons, {
        horizon,
        calls,
        check,
        onStage: () => onProgress?.(++done, of),
      })
      series.push({ key, ...describe(found), seasons, ...choice })
    } catch (thrown) {
      if (!(thrown instanceof Failure) || groups.length === 1) throw thrown
      left.push({ key, reason: thrown.message })
    }
  }
  onProgress?.(of, of)
  if (series.length === 0)
    throw refused('GROUP BY', `none of ${groups.length} series can be forecast: ${left[0]!.reason}`)
  return { kind: 'forecast', horizon, series, left }
}

function describe({ startMs, step, values }: ReturnType<typeof regular>) {
  const missing = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0)
  const endMs = timeAt({ startMs, step }, values.length - 1)
  const isNeverNegative = values.every((value) => !(value < 0))
  return { points: values.length, missing, endMs, step, ...(isNeverNegative ? { least: 0 as const } : {}) }
}

function refused(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `The series cannot be forecast: ${reason}.`, {
    hint: `Change what ${pointer} says.`,
    errors: [{ pointer, reason }],
  })
}
