import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { QueryLimits } from './limits.ts'

export interface Places {
  /** Waits for a place; the answer gives it back, once. */
  take(ctx: Context): Promise<() => void>
  /** A query of the workspace ended only with the warehouse, and everybody's with it. Once is an accident. */
  holdBack(workspace: string): void
}

/** Queries of a workspace that could not be stopped. */
interface Stuck {
  readonly count: number
  readonly lastAt: number
  readonly heldUntil: number
}

interface Waiter {
  readonly start: () => void
}

/**
 * Bounds the queries that run at once, in all and of each workspace. Who finds no place waits a little; places that
 * become free go to the workspaces in turn, so that one with many queries cannot keep the others out.
 */
export function createPlaces(limits: QueryLimits): Places {
  const running = new Map<string, number>()
  const waiting = new Map<string, Waiter[]>()
  const stuck = new Map<string, Stuck>()
  let total = 0

  const hasPlace = (workspace: string): boolean =>
    total < limits.maxRunning && (running.get(workspace) ?? 0) < limits.maxRunningOfWorkspace

  function begin(workspace: string): () => void {
    total++
    running.set(workspace, (running.get(workspace) ?? 0) + 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      total--
      const left = (running.get(workspace) ?? 1) - 1
      if (left === 0) running.delete(workspace)
      else running.set(workspace, left)
      startNext()
    }
  }

  function startNext(): void {
    for (const [workspace, queue] of waiting) {
      if (!hasPlace(workspace)) continue
      const next = queue.shift()
      // To the end of the line of workspaces.
      waiting.delete(workspace)
      if (queue.length > 0) waiting.set(workspace, queue)
      next?.start()
      return
    }
  }

  return {
    async take(ctx) {
      const { workspace } = ctx.actor
      const heldMs = (stuck.get(workspace)?.heldUntil ?? 0) - Date.now()
      if (heldMs > 0) throw heldBack(heldMs)
      const queue = waiting.get(workspace) ?? []
      if (queue.length === 0 && hasPlace(workspace)) return begin(workspace)
      if (queue.length >= limits.maxWaitingOfWorkspace) throw tooMany()
      const { promise, resolve, reject } = Promise.withResolvers<() => void>()
      const waiter: Waiter = { start: () => resolve(begin(workspace)) }
      queue.push(waiter)
      waiting.set(workspace, queue)
      const leave = (failure: Failure): void => {
        const at = queue.indexOf(waiter)
        if (at < 0) return
        queue.splice(at, 1)
        if (queue.length === 0 && waiting.get(workspace) === queue) waiting.delete(workspace)
        reject(failure)
      }
      const timer = setTimeout(
        () => leave(tooMany()),
        Math.max(0, Math.min(limits.maxWaitMs, ctx.deadline - Date.now())),
      )
      const onAbort = (): void => leave(new Failure('request.cancelled', 'The caller went away.'))
      ctx.signal.addEventListener('abort', onAbort, { once: true })
      try {
        return await promise
      } finally {
        clearTimeout(timer)
        ctx.signal.removeEventListener('abort', onAbort)
      }
    },

    holdBack(workspace) {
      const lastAt = Date.now()
      for (const [known, { lastAt: at }] of stuck) if (lastAt - at > limits.stuckKeptMs) stuck.delete(known)
      const count = (stuck.get(workspace)?.count ?? 0) + 1
      const ms = count === 1 ? 0 : Math.min(limits.holdBackMs * 2 ** (count - 2), limits.longestHoldBackMs)
      stuck.set(workspace, { count, lastAt, heldUntil: lastAt + ms })
    },
  }
}

function heldBack(ms: number): Failure {
  return new Failure('limit.concurrency', 'Queries of this workspace did not stop when they were told to.', {
    hint: 'Wait for the time in Retry-After, and make its longest queries smaller.',
    retryAfterMs: ms,
  })
}

function tooMany(): Failure {
  return new Failure('limit.concurrency', 'Too many queries of this workspace are running.', { retryAfterMs: 1_000 })
}
