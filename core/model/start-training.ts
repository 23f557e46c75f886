import { toJson } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { record } from '../audit/index.ts'
import type { Context } from '../context.ts'
import type { ControlTx } from '../storage/control.ts'
import type { ModelDeps } from './deps.ts'
import { newJobId, taskId, trainingQueue } from './names.ts'
import type { ModelDefinition } from './schema.ts'
import { countOpenJobs, insertJob, insertVersion, lockCounts, type ModelRow, upsertModel } from './store.ts'

/** What a statement that trains answers at once. */
export interface Started {
  readonly model: string
  readonly version: number
  readonly job: string
  readonly status: string
}

/** Fails unless the training query can be run by the caller, and has the columns that are asked for. */
export async function checkDefinition(deps: ModelDeps, ctx: Context, definition: ModelDefinition): Promise<void> {
  const columns = (await deps.reading.describeSql(ctx, definition.sql)).map(({ name }) => name)
  const { target, orderBy, groupBy = [], options } = definition
  const wanted = [
    ['PREDICT', target],
    ['ORDER BY', orderBy],
    ...groupBy.map((name) => ['GROUP BY', name] as const),
    ...Object.keys(options.monotone ?? {}).map((name) => ['monotone', name] as const),
    ...(options.keep ?? []).map((name) => ['keep', name] as const),
  ] as const
  for (const [clause, name] of wanted) {
    if (name === undefined || columns.includes(name)) continue
    const near = closest(name, columns)
    throw new Failure('query.unknown_column', `The training query has no column \`${name}\`, which ${clause} names.`, {
      hint: near === undefined ? `It has ${columns.slice(0, 50).join(', ')}.` : `Did you mean \`${near}\`?`,
      errors: [{ pointer: clause, reason: 'not a column of the training query' }],
    })
  }
  if (columns.length < 2 && target !== undefined) {
    throw new Failure('request.invalid', 'The training query has nothing but the target.', {
      hint: 'SELECT the columns to predict it from as well.',
    })
  }
}

/** Makes a model's next version, and asks for its training: both, or neither. */
export async function startTraining(
  { jobs, limits, now }: ModelDeps,
  tx: ControlTx,
  ctx: Context,
  { model, action }: { readonly model: ModelRow; readonly action: string },
): Promise<Started> {
  const { workspace } = ctx.actor
  await lockCounts(tx, workspace)
  if ((await countOpenJobs(tx, workspace)) >= limits.maxOpenJobs) {
    throw new Failure('limit.concurrency', `The workspace has ${limits.maxOpenJobs} trainings under way already.`, {
      hint: `Wait for one to end, or CANCEL TRAINING '<job>'.`,
      retryAfterMs: 30_000,
    })
  }
  const version = model.newest + 1
  const job = newJobId()
  const { name, definition } = model
  const createdAt = new Date(now())
  await upsertModel(tx, { ...model, newest: version })
  await insertVersion(tx, {
    workspace,
    name,
    version,
    status: 'training',
    job,
    definition,
    sha256: null,
    bytes: null,
    engine: null,
    card: null,
    beatsBaseline: null,
    createdAt,
  })
  await insertJob(tx, {
    id: job,
    workspace,
    model: name,
    version,
    status: 'queued',
    phase: 'waits for its turn',
    percent: 0,
    owner: toJson(ActorSchema, ctx.actor),
    requestId: ctx.requestId,
    errorCode: '',
    error: '',
    createdAt,
    startedAt: null,
    endedAt: null,
  })
  const timeLimitMs = definition.options.time_limit ?? limits.timeLimitMs
  await jobs.send(tx, trainingQueue, {
    id: taskId(job),
    group: workspace,
    timeoutSeconds: Math.ceil(timeLimitMs / 1000),
  })
  await record(tx, ctx, { action, resource: `model/${name}`, detail: { version, job } })
  return { model: name, version, job, status: 'queued' }
}
