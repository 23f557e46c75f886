import { fromJson } from '@bufbuild/protobuf'
import { toFailure } from '#mesh/errors.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { itself, record } from '../audit/index.ts'
import type { ModelDeps } from './deps.ts'
import { taskId, trainingQueue } from './names.ts'
import { startTraining } from './start-training.ts'
import {
  findVersion,
  type JobRow,
  listOpenJobs,
  listJobs,
  lockModel,
  listScheduled,
  updateOpenJob,
  updateVersion,
} from './store.ts'

/** A job that was asked for just now may not be in the queue's own view yet. */
const settlesMs = 30_000

/** Begins trainings that are due by a schedule, and ends jobs that the queue has given up. */
export async function tendModels(deps: ModelDeps): Promise<void> {
  const { db, jobs, now, log } = deps
  for (const job of await listOpenJobs(db)) {
    if (now() - job.createdAt.getTime() < settlesMs) continue
    if (!(await jobs.isOpen(trainingQueue, taskId(job.id)))) await giveUp(deps, job)
  }
  for (const { workspace, name } of await listScheduled(db)) {
    await retrainIfDue(deps, workspace, name).catch((thrown: unknown) =>
      log.warn({ err: toFailure(thrown), workspace, model: name }, 'a scheduled training was not begun'),
    )
  }
}

/** Its process died with each attempt, or it went past its time without a word. */
async function giveUp({ db, now }: ModelDeps, { id, workspace, model: name, version }: JobRow): Promise<void> {
  await db.transaction(async (tx) => {
    const error =
      'The training was begun several times, and its process ended each time. Train from fewer rows, or RETRAIN it.'
    const ended = { status: 'failed', errorCode: 'model.failed', error, endedAt: new Date(now()) } as const
    if (!(await updateOpenJob(tx, id, ended))) return
    await updateVersion(tx, { workspace, name, version }, { status: 'failed' })
    const detail = { version, job: id, failed: 'model.failed' }
    await record(tx, itself(workspace), { action: 'train_model', resource: `model/${name}`, detail })
  })
}

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
    const ctx = {
      actor: fromJson(ActorSchema, last.owner as Parameters<typeof fromJson>[1]),
      requestId: last.requestId,
      deadline: Infinity,
      signal: AbortSignal.timeout(60_000),
    }
    await startTraining(deps, tx, ctx, { model, action: 'retrain_model' })
  })
}
