import { toFailure } from '#mesh/errors.ts'
import { itself, record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { quoteOfRows } from '../storage/quote.ts'
import type { ModelDeps } from './deps.ts'
import { goLive } from './go-live.ts'
import { currently, ownerContext } from './owner.ts'
import { listRunningRollouts, lockModel, type RolloutRow, updateRollout } from './store.ts'

const gateMs = 30_000
/** A gate that cannot be asked so often in a row lets nothing pass. */
const maxFailures = 3

/** Takes every rollout whose time has come a step on, or back to where it began. */
export async function tendRollouts(deps: ModelDeps): Promise<void> {
  const { db, now } = deps
  for (const rollout of await listRunningRollouts(db)) {
    if (now() - rollout.stepAt.getTime() >= rollout.everyMs) await decide(deps, rollout)
  }
}

async function decide(deps: ModelDeps, rollout: RolloutRow): Promise<void> {
  try {
    const said = rollout.gate === null ? 'no gate' : await ask(deps, rollout, rollout.gate)
    await (said === undefined ? settle(deps, rollout, 'rolled back', 'the gate said no') : advance(deps, rollout, said))
  } catch (thrown) {
    const failures = rollout.failures + 1
    const reason = `the gate could not be asked: ${toFailure(thrown).message}`.slice(0, 500)
    if (failures >= maxFailures) await settle(deps, rollout, 'rolled back', reason)
    // Asked again when the next step would be due.
    else await updateRollout(deps.db, rollout.id, { failures, reason, stepAt: new Date(deps.now()) })
  }
}

/** What the gate said, if it was yes: its first value is neither 0, false, NULL nor missing. */
async function ask(deps: ModelDeps, rollout: RolloutRow, gate: string): Promise<string | undefined> {
  const { reading, now } = deps
  const limits = { deadline: now() + gateMs, signal: AbortSignal.timeout(gateMs) }
  const ctx = await currently(deps, ownerContext(rollout, limits))
  const [first] = await reading.describeSql(ctx, gate)
  const column = quoteOfRows(first!.name)
  const select = `ifNull(toFloat64OrNull(toString(${column})), toFloat64(toString(${column}) = 'true'))`
  const { body } = await reading.readRows(ctx, { sql: gate, select, format: 'RowBinary', maxRows: Infinity, seed: 0 })
  let bytes: Buffer = Buffer.alloc(0)
  for await (const chunk of body) if (bytes.length < 8) bytes = Buffer.concat([bytes, chunk])
  const value = bytes.length < 8 ? Number.NaN : bytes.readDoubleLE(0)
  return Number.isNaN(value) || value === 0 ? undefined : `the gate said ${value}`
}

async function advance(deps: ModelDeps, rollout: RolloutRow, said: string): Promise<void> {
  const next = rollout.step + 1
  if (rollout.steps[next] === undefined || rollout.steps[next] === 100) {
    return settle(deps, rollout, 'done', said)
  }
  const { workspace, model: name, id } = rollout
  await deps.db.transaction(async (tx) => {
    const set = { step: next, stepAt: new Date(deps.now()), reason: said, failures: 0 }
    if (!(await updateRollout(tx, id, set, rollout.step))) return
    await recordChange(tx, { kind: 'model', workspace, name })
    const detail = { rollout: id, version: rollout.version, percent: rollout.steps[next]!, reason: said }
    await record(tx, itself(workspace), { action: 'advance_rollout', resource: `model/${name}`, detail })
  })
}

/** All the traffic: to the version, or to the one of before. */
async function settle(
  { db, now }: ModelDeps,
  { id, workspace, model: name, version, base }: RolloutRow,
  status: 'done' | 'rolled back',
  reason: string,
): Promise<void> {
  await db.transaction(async (tx) => {
    const model = await lockModel(tx, workspace, name)
    if (model === undefined || !(await updateRollout(tx, id, { status, reason, endedAt: new Date(now()) }))) return
    if (status === 'done') await goLive(tx, model, version)
    else await recordChange(tx, { kind: 'model', workspace, name })
    const action = status === 'done' ? 'finish_rollout' : 'roll_back'
    await record(tx, itself(workspace), {
      action,
      resource: `model/${name}`,
      detail: { rollout: id, version, base, reason },
    })
  })
}
