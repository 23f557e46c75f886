import { createHash } from 'node:crypto'
import { Failure, toFailure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import type { Context } from '../context.ts'
import { completeCard } from './complete-card.ts'
import type { ModelDeps } from './deps.ts'
import { artefactKey } from './names.ts'
import { failJob } from './fail-job.ts'
import { currently, ownerContext } from './owner.ts'
import { goLive } from './go-live.ts'
import type { JobRow, VersionRow } from './store.ts'
import { findJobById, findRollout, findVersion, lockModel, updateOpenJob, updateVersion } from './store.ts'
import { readingOf } from './features/reading.ts'
import type { Trained } from './training/message.ts'
import { runTraining } from './training/run.ts'

const progressMs = 1_000
/** Attempts of one that fails by what passes by itself: the warehouse was started anew, a disk was slow. */
const maxAttempts = 3
const defaultSeed = 42

/**
 * One training, from its rows to its version. Begun again after a crash it begins from the rows: nothing of it is seen
 * until all of it is there.
 */
export async function trainModel(deps: ModelDeps, id: string, stop: AbortSignal): Promise<void> {
  const { db, log, now } = deps
  const job = await findJobById(db, id)
  const version = job && (await findVersion(db, job.workspace, job.model, job.version))
  const began = { status: 'running', phase: 'reads its rows', percent: 0, startedAt: new Date(now()) } as const
  if (job === undefined || version === undefined || !(await updateOpenJob(db, id, began))) return
  const cancelled = new AbortController()
  const signal = AbortSignal.any([stop, cancelled.signal])
  const limitMs = version.definition.options.time_limit ?? deps.limits.timeLimitMs
  const ctx = ownerContext(job, { deadline: now() + limitMs, signal })
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await publish(deps, ctx, job, version, await train(deps, ctx, job, version, cancelled))
      } catch (thrown) {
        const { retryable, problem } = toFailure(thrown)
        const passes = retryable && problem !== 'limit.deadline'
        if (signal.aborted || !passes || attempt === maxAttempts) throw thrown
      }
    }
  } catch (thrown) {
    // Cancelled, or dropped: whoever did so has said it already. At a stop it is begun again by the next process.
    if (cancelled.signal.aborted) return
    if (stop.aborted && Date.now() < ctx.deadline) throw thrown
    await failJob(deps, ctx, job, Date.now() >= ctx.deadline ? late(version) : inTraining(toFailure(thrown)))
    if (!(thrown instanceof Failure)) log.error({ err: thrown, job: id, model: job.model }, 'a training failed')
  }
}

async function train(
  deps: ModelDeps,
  asked: Context,
  job: JobRow,
  { definition }: VersionRow,
  cancelled: AbortController,
): Promise<Trained> {
  const { db, reading, limits } = deps
  const ctx = await currently(deps, asked)
  const seed = definition.options.seed ?? defaultSeed
  const maxRows = definition.options.max_rows ?? limits.rows
  const how = readingOf(await reading.describeSql(ctx, definition.sql))
  const { total, share, body } = await reading.readRows(ctx, {
    sql: definition.sql,
    select: how.select,
    format: 'RowBinary',
    maxRows,
    seed,
  })
  let toldAt = 0
  return runTraining({ definition, reading: how, sample: { total, share }, seed, maxBytes: limits.maxBytes }, body, {
    signal: ctx.signal,
    onProgress(phase, done, of) {
      const at = performance.now()
      if (at - toldAt < progressMs) return
      toldAt = at
      const percent = Math.min(99, Math.floor((100 * done) / Math.max(1, of)))
      updateOpenJob(db, job.id, { phase, percent }).then(
        (open) => {
          if (!open) cancelled.abort()
        },
        () => undefined,
      )
    },
  })
}

/** First the file, whole, then what names it: a crash between the two leaves a file that nobody asks for. */
async function publish(
  { db, objects, limits, code, now }: ModelDeps,
  ctx: Context,
  job: JobRow,
  { name, version, workspace, definition }: VersionRow,
  { file, engine, card: learnt, beatsBaseline }: Trained,
): Promise<void> {
  if (file.length > limits.maxArtefactBytes) {
    throw new Failure('model.failed', `The model is ${file.length} bytes; ${limits.maxArtefactBytes} are allowed.`, {
      hint: 'Train fewer or shallower trees (USING rounds = …, depth = …).',
    })
  }
  const sha256 = createHash('sha256').update(file).digest('hex')
  await objects.put(artefactKey(sha256), file)
  await db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    const ended = { status: 'done', phase: 'done', percent: 100, endedAt: new Date(now()) } as const
    if (model === undefined || !(await updateOpenJob(tx, job.id, ended))) return
    const card = completeCard(learnt, { definition, parent: model.live, code })
    await updateVersion(
      tx,
      { workspace, name, version },
      {
        status: 'ready',
        sha256,
        bytes: file.length,
        engine,
        card,
        beatsBaseline,
      },
    )
    // A version that is no better than a guess predicts only when somebody says so, and an older one never by itself.
    // While a rollout gives out the traffic, or a shadow is compared with the live one, nothing does.
    const rollout = await findRollout(tx, workspace, name)
    const live = beatsBaseline && version > (model.live ?? 0) && rollout === undefined
    if (live) await goLive(tx, model, version)
    const detail = { version, job: job.id, sha256, live }
    await record(tx, ctx, { action: 'train_model', resource: `model/${name}`, detail })
  })
}

/** A result that is too large for a query has another way out here. */
function inTraining(failure: Failure): Pick<Failure, 'problem' | 'message' | 'hint'> {
  const { problem, message } = failure
  if (problem !== 'query.result_too_large') return failure
  return { problem, message, hint: 'Train from fewer rows (USING max_rows = …), fewer columns, or shorter texts.' }
}

function late({ definition }: VersionRow): Failure {
  const seconds = (definition.options.time_limit ?? 0) / 1000
  return new Failure(
    'limit.deadline',
    `The training was not done within its time${seconds > 0 ? `, ${seconds} s` : ''}.`,
    {
      hint: `Give it more (USING time_limit = '…'), or fewer rows (USING max_rows = …).`,
    },
  )
}
