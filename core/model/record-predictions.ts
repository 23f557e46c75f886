import { Failure } from '#mesh/errors.ts'
import type { ServedRow } from '#mesh/inference/served-log.ts'
import type { Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { asAsked, textOf } from './served-row.ts'
import type { Shadows } from './shadow.ts'

export interface RecordDeps extends Pick<ModelDeps, 'limits' | 'appendPredictions'> {
  readonly shadows: Shadows
}

/** Records predictions that an edge served. */
export async function writePredictions(deps: RecordDeps, ctx: Context, rows: readonly ServedRow[]): Promise<void> {
  if (!ctx.actor.scopes.includes('internal:edge')) {
    throw new Failure('auth.scope', 'Only edges may record predictions.')
  }
  const { maxServed } = deps.limits
  if (rows.length > maxServed) {
    throw new Failure('request.too_large', `A call carries at most ${maxServed} predictions.`)
  }
  await recordPredictions(deps, rows)
}

/** Each in its workspace's `_predictions`, with what a version in the shadow says of it where there is one. */
export async function recordPredictions(deps: RecordDeps, rows: readonly ServedRow[]): Promise<void> {
  const readable = rows.flatMap((row) => asAsked(row) ?? [])
  for (const [workspace, own] of Map.groupBy(readable, ({ row }) => row.workspace)) {
    const texts: string[] = []
    for (const [model, asked] of Map.groupBy(own, ({ row }) => row.model)) {
      const compared = await deps.shadows.compare(workspace, model, asked)
      texts.push(...asked.map((one) => textOf(one, compared.get(one))))
    }
    await deps.appendPredictions(workspace, texts)
  }
}
