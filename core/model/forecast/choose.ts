import { errors, fit, leastOrigins, plan, projected, score } from './backtest.ts'
import { adapt, conformal, extend, type Radius, randomWalk } from './interval.ts'
import { type Method, type MethodName, methods } from './methods.ts'
import { naive } from './naive.ts'
import type { State } from './state.ts'

export interface Tried {
  readonly method: MethodName | 'mean of the best three'
  /** Mean absolute error over that of the last value, or the last season's, in the past (Hyndman & Koehler 2006). */
  readonly mase: number
  readonly rmse: number
}

/** What a rolling backtest found. */
export interface Measured {
  readonly origins: number
  /** Steps ahead that were measured; intervals further ahead are widened from there. */
  readonly horizon: number
  readonly chosen: Tried
  /** The same with the last value, or the last season's where there is one. */
  readonly baseline: Tried
  readonly tried: readonly Tried[]
  /** The share of later values within the intervals of 80 % and 95 %. */
  readonly coverage?: { readonly of80: number; readonly of95: number }
}

export interface Choice {
  /** The forecast is the mean of theirs. */
  readonly parts: readonly { readonly method: MethodName; readonly state: State }[]
  readonly radius: Radius
  /** Absent where the series is too short to measure: the last value is forecast. */
  readonly measured?: Measured
}

export interface ChooseOptions {
  readonly horizon: number
  /** How often a method may be evaluated to fit it. */
  readonly calls: number
  /** Called every few milliseconds; throws to stop. */
  check(): void
  /** After each of `stages`. */
  onStage(): void
}

/** Every method, and the fit to the whole series. */
export const stages = methods.length + 1

const leastPoints = 10

interface Attempt {
  readonly method: MethodName
  readonly make: Method
  readonly forecasts: Float64Array
  readonly tried: Tried
}

/** The method, or the mean of the best three, that would have forecast this series best, fitted to all of it. */
export function choose(values: Float64Array, seasons: readonly number[], options: ChooseOptions): Choice {
  const { origins, horizon } = plan(values.length, seasons, options.horizon)
  const present = values.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0)
  if (present < leastPoints || origins.length < leastOrigins) return unmeasured(values, options)
  const past = values.subarray(0, origins[0])
  const { loss } = naive(past, suitedSeason(past, seasons), [])
  // A past that never changed has no scale: then errors are in the values' own unit.
  const scale = loss > 0 && loss < Infinity ? loss : 1
  const judge = (method: Tried['method'], forecasts: Float64Array): Tried => {
    const { mae, rmse } = score(errors(values, origins, forecasts))
    return { method, mase: mae / scale, rmse }
  }

  const attempts: Attempt[] = []
  for (const method of methods) {
    if (method.suits(past, seasons)) {
      const fitted = fit(method, past, seasons, { ...options, horizon })
      const forecasts = projected(method.pass(values, seasons, fitted, origins).states, horizon)
      attempts.push({ method: method.name, make: method, forecasts, tried: judge(method.name, forecasts) })
    }
    options.onStage()
  }
  const ranked = attempts.filter(({ tried }) => Number.isFinite(tried.rmse)).sort((a, b) => a.tried.mase - b.tried.mase)
  let [best] = ranked
  if (best === undefined) return unmeasured(values, options)
  const tried = attempts.filter((attempt) => ranked.includes(attempt)).map((attempt) => attempt.tried)
  let [used, forecasts, chosen] = [[best], best.forecasts, best.tried]
  if (ranked.length >= 3) {
    const three = ranked.slice(0, 3)
    const mean = forecasts.map((_, i) => three.reduce((sum, attempt) => sum + attempt.forecasts[i]! / 3, 0))
    const judged = judge('mean of the best three', mean)
    tried.push(judged)
    if (judged.mase < best.tried.mase) [used, forecasts, chosen] = [three, mean, judged]
  }
  const off = errors(values, origins, forecasts)
  options.check()
  const { shares, coverage } = adapt(off, origins, horizon)
  options.check()
  const radius = conformal(off, horizon, shares)
  const baseline = attempts.find(({ method }) => method === 'seasonal naive') ?? attempts[0]!
  const parts = used.map(({ method, make }) => {
    const fitted = fit(make, values, seasons, { ...options, horizon })
    return { method, state: make.pass(values, seasons, fitted, [values.length]).states[0]! }
  })
  options.onStage()
  return {
    parts,
    radius: radius === undefined ? randomWalk(values, options.horizon) : extend(radius, options.horizon),
    measured: {
      origins: origins.length,
      horizon,
      chosen,
      baseline: baseline.tried,
      tried,
      ...(coverage === undefined ? {} : { coverage }),
    },
  }
}

/** The last value, with the intervals of a random walk. */
function unmeasured(values: Float64Array, { horizon, onStage }: ChooseOptions): Choice {
  for (let stage = 0; stage < stages; stage++) onStage()
  const [state] = naive(values, 1, [values.length]).states
  return { parts: [{ method: 'naive', state: state! }], radius: randomWalk(values, horizon) }
}

function suitedSeason(past: Float64Array, seasons: readonly number[]): number {
  const longest = seasons.at(-1) ?? 1
  return past.length >= 2 * longest ? longest : 1
}
