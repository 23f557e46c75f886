import { Failure } from '#mesh/errors.ts'
import { InputType, Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import type { Context } from '../context.ts'
import { quoteName, quoteText } from '../storage/quote.ts'
import type { ModelDeps } from './deps.ts'
import type { LoadedModels } from './loaded-models.ts'
import { getReady } from './names.ts'
import { refuseSeries } from './serve.ts'

/**
 * What `FROM served(name)` stands for: a SELECT of the predictions of a model as they were served, a row each, with the
 * features of its live version as columns of their types. What is no feature begins with `_`, as the system's names do.
 * Whoever may read `_predictions` may read it: the gate judges the SELECT, in a published query for each caller.
 */
export async function servedTable(
  { db, loaded }: Pick<ModelDeps, 'db'> & { readonly loaded: Pick<LoadedModels, 'signature'> },
  ctx: Context,
  name: string,
): Promise<string> {
  const { filters } = ctx.actor
  if (filters.length > 0 && filters.every(({ stream }) => stream !== '_predictions')) throw notThere()
  const ready = await getReady(db, ctx.actor.workspace, name, 0)
  refuseSeries(ready)
  const signature = await loaded.signature(ready.version.sha256)
  // Of one of this name that was dropped before, rows may be there still.
  const { createdAt } = ready.model
  const own = ['time', 'request_id', 'row', 'subject', 'version', 'arm', 'placement', 'prediction', 'probability']
  const inner = [...own, 'features'].map((column) => `${quoteName(column)} AS ${quoteName(`_${column}`)}`)
  const from = `model = ${quoteText(name)} AND time >= fromUnixTimestamp64Milli(toInt64(${createdAt.getTime()}))`
  const outer = own.map((column) => (column === 'prediction' ? predictionOf(signature) : quoteName(`_${column}`)))
  const features = signature.inputs.map((input) => `${featureOf(input)} AS ${quoteName(input.name)}`)
  return `SELECT ${[...outer, ...features].join(', ')} FROM (SELECT ${inner.join(', ')} FROM _predictions WHERE ${from})`
}

function predictionOf({ kind }: Signature): string {
  return kind === Kind.REGRESSION ? 'toFloat64OrNull(`_prediction`) AS `_prediction`' : '`_prediction`'
}

/** As rows of JSON are read when they are predicted for (mesh/inference/cells.ts). */
function featureOf({ name, type }: Signature['inputs'][number]): string {
  const text = `trimBoth(\`_features\`[${quoteText(name)}])`
  switch (type) {
    case InputType.NUMBER:
      return `multiIf(${text} = 'true', 1., ${text} = 'false', 0., toFloat64OrNull(${text}))`
    case InputType.TIME:
      return `if(isNull(toFloat64OrNull(${text})), parseDateTime64BestEffortOrNull(${text}, 3, 'UTC'), ${epochOf(text)})`
    default:
      return `nullIf(\`_features\`[${quoteText(name)}], '')`
  }
}

/** Seconds or milliseconds since 1970, by their size. */
function epochOf(text: string): string {
  const value = `assumeNotNull(toFloat64OrNull(${text}))`
  return `toNullable(fromUnixTimestamp64Milli(toInt64(${value} * if(abs(${value}) < 1e11, 1000, 1)), 'UTC'))`
}

/** To a key whose rows are filtered no model is known by this, either. */
function notThere(): Failure {
  return new Failure('query.unknown_table', 'There is no stream `_predictions`.')
}
