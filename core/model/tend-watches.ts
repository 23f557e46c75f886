import { toFailure } from '#mesh/errors.ts'
import { itself, record } from '../audit/index.ts'
import type { ModelDeps } from './deps.ts'
import { look } from './look.ts'
import { currently, ownerContext } from './owner.ts'
import { findWatch, listDueWatches, updateWatch, type WatchRow } from './store-watches.ts'

const lookMs = 30_000
/** Looks in a row that fail by what does not pass by itself: then it is paused. */
const maxFailures = 3
const maxDue = 1_000

export interface Watching {
  /** Begins the looks that are due. Called often. */
  tend(): Promise<void>
  /** Begins none, and waits for those that have begun. */
  close(): Promise<void>
}

/** Has watches look when their time comes: the longest due first, of a workspace one at a time, so that all have their turn. */
export function createWatching(deps: ModelDeps): Watching {
  const { db, now, log, limits } = deps
  const running = new Map<string, Promise<void>>()
  const stopped = new AbortController()

  async function tend(): Promise<void> {
    for (const { workspace, model } of await listDueWatches(db, new Date(now()), maxDue)) {
      if (stopped.signal.aborted || running.size >= limits.looks) return
      if (!running.has(workspace)) running.set(workspace, run(workspace, model))
    }
  }

  async function run(workspace: string, model: string): Promise<void> {
    try {
      const watch = await findWatch(db, workspace, model)
      const isDue = watch?.status === 'watching' && watch.dueAt.getTime() <= now()
      if (isDue) await attend(deps, watch, stopped.signal)
      running.delete(workspace)
      // What waited for its turn has it now.
      await tend()
    } catch (thrown) {
      running.delete(workspace)
      if (!stopped.signal.aborted)
        log.error({ err: thrown, workspace, model }, 'a watch could not look; it tries again')
    }
  }

  return {
    tend,
    async close() {
      stopped.abort()
      await Promise.all(running.values())
    },
  }
}

/**
 * One look: first its alarms, then where it stands. A crash between the two has the same look again, and its alarms are
 * dropped as the repeats that they are.
 */
async function attend(deps: ModelDeps, watch: WatchRow, stop: AbortSignal): Promise<void> {
  const { db, now } = deps
  const signal = AbortSignal.any([stop, AbortSignal.timeout(lookMs)])
  try {
    const ctx = await currently(deps, ownerContext(watch, { deadline: now() + lookMs, signal }))
    const { stand, alarms, more } = await look(deps, ctx, watch)
    if (alarms.length > 0) await deps.writeAlarms(watch.workspace, alarms)
    const { series, ...moved } = stand
    await updateWatch(db, watch, {
      ...moved,
      ...(series !== watch.series && { series }),
      alarms: watch.alarms + alarms.length,
      failures: 0,
      reason: '',
      dueAt: new Date(now() + (more ? 0 : watch.everyMs)),
    })
  } catch (thrown) {
    if (!stop.aborted) await failed(deps, watch, thrown)
  }
}

/** Tried again when the next look would be due; paused where the owner lost its rights, or nothing comes of it. */
async function failed({ db, now, log }: ModelDeps, watch: WatchRow, thrown: unknown): Promise<void> {
  const { workspace, model } = watch
  const failure = toFailure(thrown)
  const failures = watch.failures + (failure.retryable ? 0 : 1)
  const isOver = failure.problem.startsWith('auth.') || failures >= maxFailures
  const reason = failure.message.slice(0, 500)
  const set = { failures, reason, dueAt: new Date(now() + watch.everyMs) }
  log.warn({ err: failure, workspace, model, failures }, isOver ? 'a watch is paused' : 'a look failed')
  await db.transaction(async (tx) => {
    if (!(await updateWatch(tx, watch, { ...set, ...(isOver && { status: 'paused' }) })) || !isOver) return
    await record(tx, itself(workspace), { action: 'pause_watch', resource: `model/${model}`, detail: { reason } })
  })
}
