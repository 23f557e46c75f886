import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { taskId, trainingQueue } from './names.ts'
import { findJob, type JobRow, updateOpenJob, updateVersion } from './store.ts'

/** How a training stands. */
export async function getJob({ db }: Pick<ModelDeps, 'db'>, ctx: Context, id: string): Promise<JobRow> {
  authorise(ctx, 'models:read')
  return found(await findJob(db, ctx.actor.workspace, id), id)
}

/** Ends a training; one that has ended stays as it is. */
export async function cancelTraining(deps: ModelDeps, ctx: Context, id: string): Promise<JobRow> {
  const { workspace } = ctx.actor
  const job = found(await findJob(deps.db, workspace, id), id)
  authorise(ctx, 'models:write', job.model)
  const cancelled = await deps.db.transaction(async (tx) => {
    const open = await updateOpenJob(tx, id, { status: 'cancelled', endedAt: new Date(deps.now()) })
    if (!open) return false
    await updateVersion(tx, { workspace, name: job.model, version: job.version }, { status: 'cancelled' })
    await record(tx, ctx, { action: 'cancel_training', resource: `model/${job.model}`, detail: { job: id } })
    return true
  })
  if (cancelled) await deps.jobs.cancel(trainingQueue, taskId(id))
  return found(await findJob(deps.db, workspace, id), id)
}

function found(job: JobRow | undefined, id: string): JobRow {
  if (job !== undefined) return job
  throw new Failure('resource.not_found', `There is no job \`${id.slice(0, 64)}\`.`, {
    hint: 'DESCRIBE MODEL <name>.jobs lists the trainings of a model.',
  })
}
