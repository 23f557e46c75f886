import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { goLive } from './go-live.ts'
import { getReady, noModel } from './names.ts'
import { endShadow } from './rollout.ts'
import { findRollout, lockModel } from './store.ts'

/** Makes a version that is ready the one that predicts. */
export async function setLive(
  { db, now }: ModelDeps,
  ctx: Context,
  { name, version }: { readonly name: string; readonly version: number },
): Promise<void> {
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  await getReady(db, workspace, name, version)
  await db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    if (model === undefined) throw noModel(name)
    const rollout = await findRollout(tx, workspace, name)
    if (rollout?.shadow === null) throw rollingOut(name)
    const reason = `version ${version} is the live one`
    if (rollout !== undefined) await endShadow(tx, ctx, rollout, { now: new Date(now()), reason })
    await goLive(tx, model, version)
    await record(tx, ctx, { action: 'set_live', resource: `model/${name}`, detail: { version, before: model.live } })
  })
}

function rollingOut(name: string): Failure {
  return new Failure('resource.in_use', `A rollout of \`${name}\` is under way: it decides what predicts.`, {
    hint: `ABORT ROLLOUT FOR MODEL ${name} ends it.`,
  })
}
