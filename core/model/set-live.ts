import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { goLive } from './go-live.ts'
import { getReadyVersion, noModel } from './names.ts'
import { findRollout, lockModel } from './store.ts'

/** Makes a version that is ready the one that predicts. */
export async function setLive(
  { db }: ModelDeps,
  ctx: Context,
  { name, version }: { readonly name: string; readonly version: number },
): Promise<void> {
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  await getReadyVersion(db, workspace, name, version)
  await db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    if (model === undefined) throw noModel(name)
    if ((await findRollout(tx, workspace, name)) !== undefined) throw rollingOut(name)
    await goLive(tx, model, version)
    await record(tx, ctx, { action: 'set_live', resource: `model/${name}`, detail: { version, before: model.live } })
  })
}

function rollingOut(name: string): Failure {
  return new Failure('resource.in_use', `A rollout of \`${name}\` is under way: it decides what predicts.`, {
    hint: `ABORT ROLLOUT FOR MODEL ${name} ends it.`,
  })
}
