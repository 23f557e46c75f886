import { Failure } from '#mesh/errors.ts'
import { deadlinePassed } from '#mesh/rpc/run.ts'
import { overloaded } from '#mesh/rpc/shed.ts'
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

/** Whose plan bounds how many run at once; actors of one subject share. */
interface Caller {
  readonly key: string
  /** 0 is unbounded. */
  readonly most: number
}

interface Waiter {
  readonly caller: Caller
  readonly start: () => void
  readonly leave: (failure: Failure) => void
}

/**
 * Bounds the queries that run at once: in all, of each workspace, and of each caller by its plan. Who finds no place waits a little; places that
 * become free go to the workspaces in turn, so that one with many queries cannot keep the others out. Where too many wait,
 * the last one of the workspace with the most goes.
 */
export function createPlaces(limits: QueryLimits): Places {
  const running = new Map<string, number>()
  const ofCallers = new Map<string, number>()
  const waiting = new Map<string, Waiter[]>()
  const stuck = new Map<string, Stuck>()
  let total = 0
  let waitingInAll = 0
  /** Since when the places have been taken while somebody waited. */
  let crowdedSince: number | undefined

  const isFree = ({ key, most }: Caller): boolean => most === 0 || (ofCallers.get(key) ?? 0) < most
  const hasPlace = (workspace: string): boolean => {
    const own = running.get(workspace) ?? 0
    return total < limits.maxRunning - (own > 0 ? limits.keptFree : 0) && own < limits.maxRunningOfWorkspace
  }

  function watchCrowd(): void {
    if (waitingInAll === 0 || total < limits.maxRunning - limits.keptFree) crowdedSince = undefined
    else crowdedSince ??= performance.now()
  }

  function mostWaiting(): number {
    const isCrowded = crowdedSince !== undefined && performance.now() - crowdedSince >= limits.crowdedMs
    return isCrowded ? limits.maxWaitingCrowded : limits.maxWaiting
  }

  /** Makes room for one more of the workspace, at the cost of one that has more; false: it has the most itself. */
  function makeRoom(workspace: string): boolean {
    while (waitingInAll >= mostWaiting()) {
      const [longest, queue] = [...waiting].reduce((one, other) => (other[1].length > one[1].length ? other : one))
      if (longest === workspace || queue.length <= (waiting.get(workspace)?.length ?? 0) + 1) return false
      queue.at(-1)?.leave(tooMuch())
    }
    return true
  }

  function begin(workspace: string, { key }: Caller): () => void {
    total++
    add(running, workspace, 1)
    add(ofCallers, key, 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      total--
      add(running, workspace, -1)
      add(ofCallers, key, -1)
      startNext()
    }
  }

  /** One place may let two begin: the workspace's that left it, and the one that is kept. */
  function startNext(): void {
    while (startOne());
    watchCrowd()
  }

  function startOne(): boolean {
    for (const [workspace, queue] of waiting) {
      if (!hasPlace(workspace)) continue
      const at = queue.findIndex(({ caller }) => isFree(caller))
      if (at < 0) continue
      const [next] = queue.splice(at, 1)
      waitingInAll--
      // To the end of the line of workspaces.
      waiting.delete(workspace)
      if (queue.length > 0) waiting.set(workspace, queue)
      next?.start()
      return true
    }
    return false
  }

  return {
    async take(ctx) {
      const { workspace } = ctx.actor
      const heldMs = (stuck.get(workspace)?.heldUntil ?? 0) - Date.now()
      if (heldMs > 0) throw heldBack(heldMs)
      const queue = waiting.get(workspace) ?? []
      const caller = callerOf(ctx)
      // Whoever waits although there is a place waits for a place of its own.
      if (hasPlace(workspace) && isFree(caller)) return begin(workspace, caller)
      if (queue.length >= limits.maxWaitingOfWorkspace) throw tooMany()
      const { promise, resolve, reject } = Promise.withResolvers<() => void>()
      if (!makeRoom(workspace)) throw tooMuch()
      const leave = (failure: Failure): void => {
        const at = queue.indexOf(waiter)
        if (at < 0) return
        queue.splice(at, 1)
        waitingInAll--
        if (queue.length === 0 && waiting.get(workspace) === queue) waiting.delete(workspace)
        watchCrowd()
        reject(failure)
      }
      const waiter: Waiter = { caller, start: () => resolve(begin(workspace, caller)), leave }
      queue.push(waiter)
      waitingInAll++
      waiting.set(workspace, queue)
      watchCrowd()
      const timer = setTimeout(
        () => leave(isFree(caller) ? tooMany() : tooManyOfPlan(caller)),
        Math.max(0, Math.min(limits.maxWaitMs, ctx.deadline - Date.now())),
      )
      const onAbort = (): void => leave(new Failure('request.cancelled', 'The caller went away.'))
      ctx.signal.addEventListener('abort', onAbort, { once: true })
      try {
        const release = await promise
        if (Date.now() < ctx.deadline) return release
        release()
        throw deadlinePassed()
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

function callerOf({ actor: { workspace, subject, id, plan } }: Context): Caller {
  return { key: `${workspace}/${subject || id}`, most: plan?.concurrency ?? 0 }
}

function add(counts: Map<string, number>, key: string, amount: number): void {
  const left = (counts.get(key) ?? 0) + amount
  if (left === 0) counts.delete(key)
  else counts.set(key, left)
}

function tooManyOfPlan({ most }: Caller): Failure {
  return new Failure('limit.concurrency', `The plan allows ${most} queries at once.`, { retryAfterMs: 1_000 })
}

function tooMuch(): Failure {
  return overloaded('More queries wait than can be run in time.')
}

function tooMany(): Failure {
  return new Failure('limit.concurrency', 'Too many queries of this workspace are running.', { retryAfterMs: 1_000 })
}
