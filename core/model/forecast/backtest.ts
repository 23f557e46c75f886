import type { Method } from './methods.ts'
import { minimise } from './minimise.ts'
import { project, type State } from './state.ts'

/** Points of time that a past is cut off at, to forecast what came then. */
export interface Plan {
  /** Numbers of points, ascending. */
  readonly origins: readonly number[]
  /** How far ahead is measured: less than was asked for where the series is short. */
  readonly horizon: number
}

const maxOrigins = 100
/** With fewer there is no telling how wrong forecasts are. */
export const leastOrigins = 4
/** Where there are so many, whole seasons are between them. */
const enoughOrigins = 20
const fitOrigins = 24
const leastFitOrigins = 8
const maxFitPoints = 5_000

/**
 * Rolling origins (Tashman 2000) over the newer half of the series: whole seasons before its end, where enough of those fit,
 * so that what is measured begins at the same time of day as the forecast will; elsewhere evenly spread.
 */
export function plan(points: number, seasons: readonly number[], asked: number): Plan {
  const horizon = Math.min(asked, Math.max(1, points >> 2))
  const least = Math.max(points >> 1, 2 * (seasons.at(-1) ?? 0))
  const newest = points - horizon
  const first = least <= newest - leastOrigins + 1 ? least : points >> 1
  const season = seasons[0] ?? points
  const origins = []
  for (let origin = points; origin >= first && origins.length < maxOrigins; origin -= season) {
    if (origin <= newest) origins.unshift(origin)
  }
  if (origins.length >= enoughOrigins) return { origins, horizon }
  return { origins: spread(first, newest, maxOrigins), horizon }
}

function spread(first: number, last: number, most: number): number[] {
  const stride = Math.max(1, Math.ceil((last - first + 1) / most))
  const origins = []
  for (let origin = last; origin >= first; origin -= stride) origins.unshift(origin)
  return origins
}

/**
 * The numbers with which a method would have forecast a past best: by the mean absolute error of up to 24 forecasts as long
 * as the horizon, as what is best one step ahead may not be further on; of a short past one step ahead.
 */
export function fit(
  method: Method,
  past: Float64Array,
  seasons: readonly number[],
  { horizon, calls, check }: { readonly horizon: number; readonly calls: number; check(): void },
): number[] {
  if (method.bounds.length === 0) return []
  const values = past.length > maxFitPoints ? past.subarray(past.length - maxFitPoints) : past
  const warm = Math.max(2 * (seasons.at(-1) ?? 0), Math.min(values.length >> 1, 100))
  const origins = spread(warm, values.length - horizon, fitOrigins)
  const loss = (fitted: readonly number[]): number => {
    check()
    if (origins.length < leastFitOrigins) return method.pass(values, seasons, fitted, []).loss
    const { states } = method.pass(values, seasons, fitted, origins)
    return meanError(values, origins, projected(states, horizon))
  }
  return minimise(loss, method.bounds, calls)
}

/** Steps of one evaluation of `fit`, roughly: one for each point, and those of the forecasts and the states they begin with. */
export function workOf(points: number, asked: number): number {
  return Math.min(points, maxFitPoints) + fitOrigins * (Math.min(asked, points >> 2) + 50)
}

/** Of each state, one after the other, the next `horizon` values: shape [states, horizon]. */
export function projected(states: readonly State[], horizon: number): Float64Array {
  const all = new Float64Array(states.length * horizon)
  for (const [i, state] of states.entries()) all.set(project(state, horizon), i * horizon)
  return all
}

/** How far each forecast was off, NaN where nothing came, infinite where it was no number: shape [origins, horizon]. */
export function errors(values: Float64Array, origins: readonly number[], forecasts: Float64Array): Float64Array {
  const horizon = forecasts.length / origins.length
  return forecasts.map((forecast, i) => {
    const ahead = i % horizon
    const off = values[origins[(i - ahead) / horizon]! + ahead]! - forecast
    return Number.isFinite(forecast) ? off : Infinity
  })
}

function meanError(values: Float64Array, origins: readonly number[], forecasts: Float64Array): number {
  return score(errors(values, origins, forecasts)).mae
}

export function score(off: Float64Array): { readonly mae: number; readonly rmse: number } {
  let [sum, squares, count] = [0, 0, 0]
  for (const error of off) {
    if (Number.isNaN(error)) continue
    sum += Math.abs(error)
    squares += error * error
    count++
  }
  return count === 0 ? { mae: Infinity, rmse: Infinity } : { mae: sum / count, rmse: Math.sqrt(squares / count) }
}
