import { type Failure, refusals } from '#mesh/errors.ts'
import type { Interceptor } from '#mesh/rpc/call.ts'
import { addressOf } from '../context.ts'
import type { ControlDb } from '../storage/control.ts'
import { mask } from './mask.ts'
import { appendEntries, type NewEntry } from './store.ts'

const flushMs = 500
/** Different ones that wait; the same one again only counts. */
const maxWaiting = 2_000

export interface Refusal {
  readonly workspace: string
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly code: string
  readonly reason: string
  readonly requestId: string
  /** Where it came from, as the edge saw it; empty where nobody said. */
  readonly address: string
  /** How often. */
  readonly count: number
}

export interface RefusalDeps {
  readonly db: ControlDb
  readonly onDropped: (count: number) => void
  readonly onError: (error: unknown) => void
}

/** Refusals on their way into the log: in batches, bounded, and never in the way of an answer. A crash may lose half a second. */
export function createRefusals({ db, onDropped, onError }: RefusalDeps) {
  let waiting = new Map<string, { readonly refusal: Refusal; count: number }>()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function write(batch: typeof waiting): Promise<void> {
    const byWorkspace = Map.groupBy(batch.values(), ({ refusal }) => refusal.workspace)
    for (const [workspace, refused] of byWorkspace) {
      await db.transaction((tx) => appendEntries(tx, workspace, refused.map(entryOf)))
    }
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const batch = waiting
    if (batch.size === 0) return
    waiting = new Map()
    try {
      await write(batch)
    } catch (error) {
      onDropped(batch.size)
      onError(error)
    }
  }

  function note(refusal: Refusal): void {
    const { workspace, actor, action, resource, code, reason, address } = refusal
    const same = JSON.stringify([workspace, actor, action, resource, code, reason, address])
    const known = waiting.get(same)
    if (known !== undefined) known.count += refusal.count
    else if (waiting.size >= maxWaiting) onDropped(1)
    else waiting.set(same, { refusal, count: refusal.count })
    timer ??= setTimeout(() => void flush(), flushMs)
  }

  const interceptor: Interceptor = {
    name: 'refusals',
    end(call, failure: Failure | undefined) {
      // What another process of the core refused, it has kept.
      if (failure === undefined || failure.remote) return
      if (call.actor === undefined || !refusals.has(failure.problem)) return
      note({
        workspace: call.actor.workspace,
        actor: call.actor.id,
        action: snakeCase(call.method.name),
        resource: '',
        code: failure.problem,
        reason: failure.message,
        requestId: call.requestId,
        address: addressOf(call),
        count: 1,
      })
    },
  }
  return { note, flush, interceptor }
}

function entryOf({ refusal, count }: { readonly refusal: Refusal; readonly count: number }): NewEntry {
  const { actor, action, resource, code, reason, requestId, address } = refusal
  return {
    actor: mask(actor),
    action: mask(action),
    resource: mask(resource),
    outcome: 'refused',
    code,
    detail: { reason: mask(reason), ...(count > 1 && { count }), ...(address !== '' && { address: mask(address) }) },
    requestId,
  }
}

function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, '_$&').toLowerCase()
}
