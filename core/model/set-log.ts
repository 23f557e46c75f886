import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { noModel } from './names.ts'
import { refuseSeries } from './serve.ts'
import { findVersion, lockModel, upsertModel } from './store.ts'

/** Records a share of a model's predictions as they are served, with what was asked; 0 ends it. */
export async function setLog(
  { db }: Pick<ModelDeps, 'db'>,
  ctx: Context,
  { name, share }: { readonly name: string; readonly share: number },
): Promise<void> {
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  await db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    if (model === undefined) throw noModel(name)
    const live = model.live === null ? undefined : await findVersion(tx, workspace, name, model.live)
    if (live !== undefined && share > 0) refuseSeries({ version: live })
    await upsertModel(tx, { ...model, logShare: share })
    await recordChange(tx, { kind: 'model', workspace, name })
    const detail = { share, before: model.logShare }
    await record(tx, ctx, { action: 'set_log', resource: `model/${name}`, detail })
  })
}
