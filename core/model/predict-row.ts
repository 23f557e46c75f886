import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import type { Explanation } from '#mesh/inference/explain.ts'
import type { Context } from '../context.ts'
import { type Answer, answerOf } from './answer.ts'
import type { ModelDeps } from './deps.ts'
import { type PredictDeps, predictWith } from './predict.ts'
import { readSeries } from './series/read-series.ts'
import { getServing, isOfSeries, provenance, readArtefact } from './serve.ts'
import type { PredictRow } from './statements/model-read.ts'

/** `SELECT target FROM model WHERE feature = literal AND …`: one row, answered in the core. */
export async function predictRow(
  deps: PredictDeps & Pick<ModelDeps, 'objects'>,
  ctx: Context,
  { model, outputs, features }: PredictRow,
  params: Readonly<Record<string, string>>,
): Promise<Answer> {
  const { name, version = 0 } = model
  const valueOf = ({ value }: PredictRow['features'][number]): unknown =>
    'parameter' in value ? given(params, value.parameter) : value.value
  const served = await getServing(deps, ctx, { name, version })
  const { engine, definition, sha256 } = served.version
  if (isOfSeries(engine)) {
    const file = await readArtefact(deps, sha256)
    const answer = readSeries(file, definition, engine, { model, outputs, features }, valueOf)
    return { ...answer, model: provenance(served, 'core') }
  }
  const row = Object.fromEntries(features.map((feature) => [feature.feature.name, valueOf(feature)]))
  const explain = outputs.some(({ column }) => column?.name.endsWith('_explain'))
  const { answers, explanations } = await predictWith(deps, served, { rows: [row], explain })
  const offered = offeredBy(definition.target ?? 'segment', answers[0]!, explanations?.[0])
  const types: Record<string, string> = {}
  const cells: Record<string, unknown> = {}
  for (const { column, as } of outputs) {
    const wanted = column === undefined ? Object.keys(offered) : [column.name]
    for (const output of wanted) {
      const found = offered[output] ?? refuse(name, output, Object.keys(offered))
      types[as?.name ?? output] = found.type
      cells[as?.name ?? output] = found.value
    }
  }
  return { ...answerOf(types, [cells]), model: provenance(served, 'core') }
}

interface Offered {
  readonly type: string
  readonly value: unknown
}

type Said = Awaited<ReturnType<typeof predictWith>>['answers'][number]

function offeredBy(
  target: string,
  { prediction, probability, distance }: Said,
  explanation: Explanation | undefined,
): Readonly<Record<string, Offered>> {
  return {
    [target]: { type: typeof prediction === 'number' ? 'Float64' : 'String', value: prediction },
    ...(probability !== undefined && { probability: { type: 'Float64', value: probability } }),
    ...(explanation !== undefined && {
      [`${target}_explain`]: { type: 'String', value: JSON.stringify(explanation) },
    }),
    ...(distance !== undefined && { distance: { type: 'Float64', value: distance } }),
  }
}

function given(params: Readonly<Record<string, string>>, name: string): string {
  if (Object.hasOwn(params, name)) return params[name]!
  throw new Failure('query.parameter', `The parameter \`${name}\` has no value.`, {
    errors: [{ pointer: name, reason: 'is missing' }],
  })
}

function refuse(model: string, name: string, known: readonly string[]): never {
  const near = closest(name, known)
  throw new Failure('query.unknown_column', `\`${model}\` does not answer \`${name.slice(0, 64)}\`.`, {
    hint: near === undefined ? `It answers ${known.join(', ')}.` : `Did you mean \`${near}\`?`,
  })
}
