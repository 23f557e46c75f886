import type { Failure } from '#mesh/errors.ts'
import { type Author, record } from '../audit/index.ts'
import type { ModelDeps } from './deps.ts'
import { type JobRow, updateOpenJob, updateVersion } from './store.ts'

/** Ends a training that went wrong, unless it has ended, and says why. */
export async function failJob(
  { db, now }: Pick<ModelDeps, 'db' | 'now'>,
  author: Author,
  { id, workspace, model: name, version }: JobRow,
  { problem, message, hint }: Pick<Failure, 'problem' | 'message' | 'hint'>,
): Promise<void> {
  await db.transaction(async (tx) => {
    const error = [message, hint].join(' ').slice(0, 2_000)
    const ended = { status: 'failed', errorCode: problem, error, endedAt: new Date(now()) } as const
    if (!(await updateOpenJob(tx, id, ended))) return
    await updateVersion(tx, { workspace, name, version }, { status: 'failed' })
    const detail = { version, job: id, failed: problem }
    await record(tx, author, { action: 'train_model', resource: `model/${name}`, detail })
  })
}
