import { Failure } from '#mesh/errors.ts'
import type { Model, Prediction } from '#mesh/inference/model.ts'
import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import type { LoadedForecasts } from './loaded-forecasts.ts'
import type { LoadedModels } from './loaded-models.ts'
import { type Recording, recordServed } from './record-served.ts'
import { forecastRows, type SeriesAnswer } from './series/forecast-rows.ts'
import { armOf, getServing, refuseSeries, type ServedVersion } from './serve.ts'

export interface PredictDeps extends Pick<ModelDeps, 'db' | 'limits'> {
  readonly loaded: LoadedModels
}

export interface ForecastDeps {
  readonly forecasts: LoadedForecasts
}

export interface PredictInput {
  readonly name: string
  /** 0 is the live one. */
  readonly version: number
  /** JSON objects of raw columns. */
  readonly rows: readonly unknown[]
  readonly explain: boolean
  /** Whom it is for; else the caller. */
  readonly subject?: string
  /** Whoever asks records what is answered. */
  readonly recorded?: boolean
  /** Steps of a forecast; 0: all. */
  readonly horizon?: number
}

export interface Predicted extends Omit<Prediction, 'answers'> {
  readonly answers: Prediction['answers'] | readonly SeriesAnswer[]
  readonly served: ServedVersion
}

/** Answers for rows, in the core. */
export async function predict(
  deps: PredictDeps & ForecastDeps & Recording,
  ctx: Context,
  { rows, explain, recorded = false, horizon = 0, ...which }: PredictInput,
): Promise<Predicted> {
  const { name } = which
  const served = await findArm(deps, ctx, which)
  if (served.version.engine === 'forecast') {
    if (explain) throw notOf(name, 'explain', 'A forecast is explained by its card')
    if (rows.length > deps.limits.maxRows) throw tooMany(deps.limits.maxRows)
    const model = await deps.forecasts(served.version.sha256)
    const answers = forecastRows(model, served.version.definition.groupBy ?? [], { rows, horizon })
    return { answers, warnings: [], served }
  }
  if (horizon > 0) throw notOf(name, 'horizon', 'Only forecasts have steps')
  const said = await predictWith(deps, served, { rows, explain })
  if (!recorded) recordServed(deps, ctx, served, { rows, answers: said.answers })
  return { ...said, served }
}

/** The version that answers for a subject, or else the caller. */
export async function findArm(
  deps: Pick<PredictDeps, 'db' | 'limits'>,
  ctx: Context,
  { name, version, subject = ctx.actor.subject || ctx.actor.id }: Pick<PredictInput, 'name' | 'version' | 'subject'>,
): Promise<ServedVersion> {
  return armOf(await getServing(deps, ctx, { name, version }), subject)
}

/** What a version that the caller may predict with says of rows. */
export async function predictWith(
  deps: Pick<PredictDeps, 'limits' | 'loaded'>,
  served: ServedVersion,
  { rows, explain }: Pick<PredictInput, 'rows' | 'explain'>,
): Promise<Prediction> {
  refuseSeries(served)
  if (rows.length > deps.limits.maxRows) throw tooMany(deps.limits.maxRows)
  const run = (model: Model): Prediction => model.predict(rows, { probabilities: true, explain })
  return deps.loaded.use(served.version.sha256, run)
}

/** What a version takes and gives. */
export async function getSignature(
  deps: PredictDeps,
  ctx: Context,
  which: { readonly name: string; readonly version: number },
): Promise<Signature> {
  const served = await getServing(deps, ctx, which)
  refuseSeries(served)
  return deps.loaded.signature(served.version.sha256)
}

function notOf(name: string, pointer: string, why: string): Failure {
  return new Failure('request.invalid', `\`${name}\` has no ${pointer}. ${why}.`, {
    errors: [{ pointer, reason: 'not for this model' }],
  })
}

function tooMany(maxRows: number): Failure {
  return new Failure('request.too_large', `A prediction has ${maxRows} rows at most.`, {
    hint: 'Send them in several requests, or predict in SQL: SELECT … FROM (SELECT …) AS t JOIN model AS m.',
    errors: [{ pointer: 'rows', reason: 'too many' }],
  })
}
