import { Failure } from '#mesh/errors.ts'
import type { Model, Prediction } from '#mesh/inference/model.ts'
import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { armOf, getServing, refuseSeries, type ServedVersion } from './serve.ts'
import type { LoadedModels } from './loaded-models.ts'

export interface PredictDeps extends Pick<ModelDeps, 'db' | 'limits'> {
  readonly loaded: LoadedModels
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
}

/** Answers for rows, in the core. */
export async function predict(
  deps: PredictDeps,
  ctx: Context,
  { name, version, rows, explain, subject = ctx.actor.subject || ctx.actor.id }: PredictInput,
): Promise<Prediction & { readonly served: ServedVersion }> {
  const served = armOf(await getServing(deps, ctx, { name, version }), subject)
  return { ...(await predictWith(deps, served, { rows, explain })), served }
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

function tooMany(maxRows: number): Failure {
  return new Failure('request.too_large', `A prediction has ${maxRows} rows at most.`, {
    hint: 'Send them in several requests, or predict in SQL: SELECT … FROM (SELECT …) AS t JOIN model AS m.',
    errors: [{ pointer: 'rows', reason: 'too many' }],
  })
}
