import { Failure } from '#mesh/errors.ts'
import { timeAt } from './series.ts'
import { project } from './state.ts'
import type { ForecastModel, ForecastSeries } from './train.ts'

export interface ForecastPoint {
  /** Milliseconds since 1970 in UTC. */
  readonly timeMs: number
  readonly value: number
  /** The intervals of 80 % and 95 %. */
  readonly low80: number
  readonly high80: number
  readonly low95: number
  readonly high95: number
}

/** The points after a series' end, up to as many as the model was trained for. */
export function forecast(model: ForecastModel, key: string, horizon = model.horizon): ForecastPoint[] {
  const series = model.series.find((candidate) => candidate.key === key)
  if (series === undefined) throw unknown(model, key)
  if (!Number.isInteger(horizon) || horizon < 1 || horizon > model.horizon) {
    throw new Failure('request.invalid', `The model forecasts 1 to ${model.horizon} steps, not ${horizon}.`, {
      hint: 'Train it with a longer HORIZON.',
      errors: [{ pointer: 'horizon', reason: `must be a whole number from 1 to ${model.horizon}` }],
    })
  }
  return points(series, horizon)
}

function points({ parts, radius, endMs, step, least }: ForecastSeries, horizon: number): ForecastPoint[] {
  const floor = least ?? -Infinity
  const paths = parts.map(({ state }) => project(state, horizon))
  return Array.from({ length: horizon }, (_, i) => {
    const value = paths.reduce((sum, path) => sum + path[i]! / paths.length, 0)
    const [narrow, wide] = [radius.of80[i]!, radius.of95[i]!]
    return {
      timeMs: timeAt({ startMs: endMs, step }, i + 1),
      value: Math.max(floor, value),
      low80: Math.max(floor, value - narrow),
      high80: Math.max(floor, value + narrow),
      low95: Math.max(floor, value - wide),
      high95: Math.max(floor, value + wide),
    }
  })
}

function unknown({ left }: ForecastModel, key: string): Failure {
  const reason = left.find((one) => one.key === key)?.reason
  const name = `\`${key.slice(0, 64)}\``
  if (reason === undefined) return new Failure('resource.not_found', `The model has no series ${name}.`)
  return new Failure('resource.not_found', `The model has no forecast for the series ${name}. ${reason}`)
}
