import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange, releaseName } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { noModel, taskId, trainingQueue } from './names.ts'
import type { DropModel } from './statements/statement.ts'
import { deleteModelRow, deleteVersionRow, findRollout, findVersion, listJobs, lockModel } from './store.ts'

/** Drops a model with all that it was, or one of its versions that does not predict. Trainings under way end. */
export async function dropModel(
  deps: ModelDeps,
  ctx: Context,
  { model: { name, version }, ifExists }: Pick<DropModel, 'model' | 'ifExists'>,
): Promise<boolean> {
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  const dropped = await deps.db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    const found =
      version === undefined || model === undefined ? undefined : await findVersion(tx, workspace, name, version)
    if (model === undefined || (version !== undefined && found === undefined)) {
      if (ifExists) return undefined
      throw noModel(name, version)
    }
    const jobs = await listJobs(tx, workspace, name, 1_000)
    if (found === undefined) {
      await deleteModelRow(tx, workspace, name)
      await releaseName(tx, workspace, name)
      await recordChange(tx, { kind: 'model', workspace, name })
    } else {
      if (model.live === found.version) throw isLive(name, found.version)
      if ((await findRollout(tx, workspace, name))?.version === found.version) throw isRolledOut(name, found.version)
      await deleteVersionRow(tx, found)
    }
    await record(tx, ctx, { action: 'drop_model', resource: `model/${name}`, detail: { version: version ?? 'all' } })
    return jobs.filter((job) => version === undefined || job.version === version)
  })
  // Whoever trains one of them finds its job gone; what nobody waits for need not begin.
  for (const job of dropped ?? []) if (job.status === 'queued') await deps.jobs.cancel(trainingQueue, taskId(job.id))
  return dropped !== undefined
}

function isLive(name: string, version: number): Failure {
  return new Failure('resource.in_use', `Version ${version} of \`${name}\` is the live one.`, {
    hint: `SET MODEL ${name} LIVE another version first, or DROP MODEL ${name} with all of them.`,
  })
}

function isRolledOut(name: string, version: number): Failure {
  return new Failure('resource.in_use', `Version ${version} of \`${name}\` is being rolled out.`, {
    hint: `ABORT ROLLOUT FOR MODEL ${name} first.`,
  })
}
