import { toFailure } from '#mesh/errors.ts'
import { itself } from '../audit/index.ts'
import type { ModelDeps } from './deps.ts'
import { taskId, trainingQueue } from './names.ts'
import { failJob } from './fail-job.ts'
import { ownerContext } from './owner.ts'
import { startTraining } from './start-training.ts'
import { findVersion, listOpenJobs, listJobs, lockModel, listScheduled } from './store.ts'

/** A job that was asked for just now may not be in the queue's own view yet. */
const settlesMs = 30_000

/** Begins trainings that are due by a schedule, and ends jobs that the queue has given up. */
export async function tendModels(deps: ModelDeps): Promise<void> {
  const { db, jobs, now, log } = deps
  for (const job of await listOpenJobs(db)) {
    if (now() - job.createdAt.getTime() < settlesMs) continue
    if (!(await jobs.isOpen(trainingQueue, taskId(job.id)))) await failJob(deps, itself(job.workspace), job, givenUp)
  }
  for (const { workspace, name } of await listScheduled(db)) {
    await retrainIfDue(deps, workspace, name).catch((thrown: unknown) =>
      log.warn({ err: toFailure(thrown), workspace, model: name }, 'a scheduled training was not begun'),
    )
  }
}

/** Its process died with each attempt, or it went past its time without a word. */
const givenUp = {
  problem: 'model.failed',
  message: 'The training was begun several times, and its process ended each time.',
  hint: 'Train from fewer rows, or RETRAIN it.',
} as const

/** As whoever asked for the last training; not while one is under way. */
async function retrainIfDue(deps: ModelDeps, workspace: string, name: string): Promise<void> {
  const { db, now } = deps
  await db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    const newest = model && (await findVersion(tx, workspace, name, model.newest))
    if (model === undefined || newest === undefined || model.everyMs === null) return
    if (newest.status === 'training' || now() - newest.createdAt.getTime() < model.everyMs) return
    const [last] = await listJobs(tx, workspace, name, 1)
    if (last === undefined) return
    const ctx = ownerContext(last, { deadline: Infinity, signal: AbortSignal.timeout(60_000) })
    await startTraining(deps, tx, ctx, { model, action: 'retrain_model' })
  })
}
