import { randomUUID } from 'node:crypto'
import { toJson } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { type Answer, answerOf } from './answer.ts'
import type { ControlTx } from '../storage/control.ts'
import type { ModelDeps } from './deps.ts'
import { getReady, noModel } from './names.ts'
import { refuseSeries } from './serve.ts'
import type { ChangeRollout, CreateRollout } from './statements/statement.ts'
import { findRollout, insertRollout, lockModel, type RolloutRow, updateRollout } from './store.ts'

/**
 * Begins to give a version the traffic: the first step at once, each next one after a while, if the gate lets it. Or to
 * score it in the shadow of the live one, which a rollout may follow.
 */
export async function createRollout(deps: ModelDeps, ctx: Context, statement: CreateRollout): Promise<Answer> {
  const { version, steps, everyMs, gate, shadow = null } = statement
  const { name } = statement.model
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  const ready = await getReady(deps.db, workspace, name, version)
  if (shadow !== null) refuseSeries(ready)
  if (gate !== undefined) await deps.reading.describeSql(ctx, gate.sql)
  const now = new Date(deps.now())
  const rollout = await deps.db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    if (model === undefined) throw noModel(name)
    if (model.live === null || model.live === version) throw nothingToRollOut(name, version, model.live)
    const before = await findRollout(tx, workspace, name)
    if (before !== undefined && (before.shadow === null || shadow !== null)) throw underWay(name)
    if (before !== undefined) await endShadow(tx, ctx, before, { now, reason: 'a rollout follows it' })
    const row: RolloutRow = {
      id: `rol_${randomUUID().replaceAll('-', '')}`,
      workspace,
      model: name,
      version,
      base: model.live,
      status: 'running',
      steps,
      step: 0,
      everyMs,
      shadow,
      gate: gate?.sql ?? null,
      reason: '',
      failures: 0,
      owner: toJson(ActorSchema, ctx.actor),
      requestId: ctx.requestId,
      createdAt: now,
      stepAt: now,
      endedAt: null,
    }
    await insertRollout(tx, row)
    await recordChange(tx, { kind: 'model', workspace, name })
    const traffic = shadow === null ? { percent: steps[0]! } : { shadow }
    const detail = { rollout: row.id, version, base: model.live, ...traffic }
    await record(tx, ctx, { action: 'create_rollout', resource: `model/${name}`, detail })
    return row
  })
  return answerOf(types, [shownRollout(rollout)])
}

/** Holds a rollout where it is, lets it go on, or ends it: the version of before has all the traffic again. */
export async function changeRollout(deps: ModelDeps, ctx: Context, { kind, model }: ChangeRollout): Promise<Answer> {
  const { name } = model
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  const now = new Date(deps.now())
  const set = {
    pause_rollout: { status: 'paused' },
    // The step begins anew.
    resume_rollout: { status: 'running', stepAt: now, failures: 0 },
    abort_rollout: { status: 'aborted', endedAt: now, reason: 'aborted by hand' },
  } as const
  const rollout = await deps.db.transaction(async (tx) => {
    if ((await lockModel(tx, workspace, name)) === undefined) throw noModel(name)
    const found = await findRollout(tx, workspace, name)
    if (found === undefined) throw notUnderWay(name)
    await updateRollout(tx, found.id, set[kind])
    await recordChange(tx, { kind: 'model', workspace, name })
    await record(tx, ctx, { action: kind, resource: `model/${name}`, detail: { rollout: found.id } })
    return { ...found, ...set[kind] }
  })
  return answerOf(types, [shownRollout(rollout)])
}

/** Ends a shadow that something else comes after. */
export async function endShadow(
  tx: ControlTx,
  ctx: Context,
  { id, model, version }: RolloutRow,
  { now, reason }: { readonly now: Date; readonly reason: string },
): Promise<void> {
  await updateRollout(tx, id, { status: 'done', reason, endedAt: now })
  const detail = { rollout: id, version, reason }
  await record(tx, ctx, { action: 'end_shadow', resource: `model/${model}`, detail })
}

const time = "DateTime64(3, 'UTC')"
const types = {
  rollout: 'String',
  version: 'UInt32',
  base: 'UInt32',
  status: 'String',
  percent: 'UInt8',
  shadow: 'Nullable(Float64)',
  reason: 'String',
  created_at: time,
  step_at: time,
}

export function shownRollouts(rollouts: readonly RolloutRow[]): Answer {
  return answerOf(types, rollouts.map(shownRollout))
}

function shownRollout({ id, version, base, status, steps, step, shadow, reason, createdAt, stepAt }: RolloutRow) {
  return {
    rollout: id,
    version,
    base,
    status,
    percent: percentOf({ status, steps, step, shadow }),
    shadow,
    reason,
    created_at: createdAt.toISOString(),
    step_at: stepAt.toISOString(),
  }
}

function percentOf({ status, steps, step, shadow }: Pick<RolloutRow, 'status' | 'steps' | 'step' | 'shadow'>): number {
  if (shadow !== null) return 0
  if (status === 'done') return 100
  return status === 'running' || status === 'paused' ? (steps[step] ?? 0) : 0
}

function nothingToRollOut(name: string, version: number, live: number | null): Failure {
  if (live === version)
    return new Failure('request.invalid', `Version ${version} of \`${name}\` has all the traffic already.`)
  return new Failure('request.invalid', `\`${name}\` has no version that predicts, to begin from.`, {
    hint: `SET MODEL ${name} LIVE ${version}.`,
  })
}

function underWay(name: string): Failure {
  return new Failure('resource.in_use', `A rollout of \`${name}\` is under way.`, {
    hint: `ABORT ROLLOUT FOR MODEL ${name} ends it; DESCRIBE MODEL ${name}.rollouts says how it stands.`,
  })
}

function notUnderWay(name: string): Failure {
  return new Failure('resource.not_found', `No rollout of \`${name}\` is under way.`)
}
