import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Position } from '../storage/log.ts'
import type { Deps } from './deps.ts'

/** Kept of the deadline for giving the answer. */
const reserveMs = 200

/** Waits until the rows can be queried, as long as the deadline allows; they are durable either way. */
export async function waitBriefly(
  { stream }: Pick<Deps, 'stream'>,
  ctx: Context,
  positions: readonly Position[],
): Promise<boolean> {
  if (positions.length === 0) return true
  const deadline = ctx.deadline - reserveMs
  const left = deadline - Date.now()
  if (left <= 0) return false
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(Math.min(left, 2 ** 31 - 1))])
  try {
    await stream.waitUntilQueryable(positions, { signal })
    return true
  } catch (error) {
    if (signal.aborted || (error instanceof Failure && error.problem === 'limit.deadline')) return false
    throw error
  }
}
